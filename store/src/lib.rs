//! The log, the Delta tables and the SQL over them: the only crate that knows how rows are kept.
//!
//! A body is durable in the log before it is acked (`wal`), its rows are visible at once (`snapshot`), and every few
//! seconds they are committed to Delta tables together with the log position that they reach, so that a crash at any
//! moment neither loses nor doubles a row.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

mod answer;
mod appender;
mod backup;
mod blocking;
mod budget;
mod catalog;
mod change;
#[cfg(feature = "cluster")]
mod cluster;
mod cluster_config;
mod config;
mod conform;
mod datafile;
mod decode;
mod dedup;
mod delta;
mod describe;
mod dialect;
mod disk;
mod distinct;
mod engine;
mod error;
mod expand;
mod fail;
mod feed;
mod flow;
mod follow;
mod functions;
mod held;
mod ingest;
mod ipc;
mod is_latest;
mod joins;
mod latest;
mod layout;
mod lock;
mod maintain;
mod mistake;
mod open;
mod param;
mod place;
mod plan;
mod positions;
mod progress;
mod provider;
mod prune;
mod quarantine;
mod query;
mod query_config;
mod range;
mod recent;
mod relations;
mod repeats;
mod replay;
mod scratch;
mod session;
mod snapshot;
mod source;
mod statement;
mod status;
mod store;
mod stream;
mod table_state;
mod tables;
#[cfg(test)]
mod tests;
mod threads;
mod views;
mod wal;
mod whereabouts;
mod writer;

pub use answer::{Answer, Format};
pub use backup::{BackedUpTable, Manifest, backup, restore};
pub use budget::{Budget, Permit};
#[cfg(feature = "cluster")]
pub use cluster::Secret;
pub use cluster_config::ClusterConfig;
pub use config::{Durability, StoreConfig};
pub use decode::{Decode, DecodeError, Prepared, Record, Rows, Signal};
pub use describe::{Described, DescribedColumn, DescribedKind, describe};
pub use error::{Error, ErrorKind};
pub use flow::SignalStatus;
pub use functions::{Function, Section, functions, reference};
pub use lock::is_held;
pub use maintain::{Forgotten, MaintenanceStatus, RetentionRule, Subject};
pub use param::Param;
pub use positions::StreamPosition;
pub use query::QueryOptions;
pub use query_config::QueryConfig;
pub use replay::ReplayProgress;
pub use scratch::Scratch;
pub use status::{Status, StreamStatus, TableStatus};
pub use store::{Receipt, Store};
pub use stream::{Stream, StreamRecord};
pub use whereabouts::Whereabouts;
