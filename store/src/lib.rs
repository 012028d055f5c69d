//! The log, the Delta tables and the SQL over them: the only crate that knows how rows are kept.
//!
//! A body is durable in the log before it is acked (`wal`), its rows are visible at once (`snapshot`), and every few
//! seconds they are committed to Delta tables together with the log position that they reach, so that a crash at any
//! moment neither loses nor doubles a row.

mod answer;
mod catalog;
mod config;
mod decode;
mod describe;
mod engine;
mod error;
mod expand;
mod functions;
mod joins;
mod latest;
mod mistake;
mod param;
mod plan;
mod provider;
mod prune;
mod query;
mod query_config;
mod range;
mod relations;
mod session;
mod snapshot;
mod statement;
mod status;
mod store;
mod views;

pub use answer::{Answer, Format};
pub use config::StoreConfig;
pub use decode::{Decode, DecodeError, Prepared, Record, Rows, Signal};
pub use describe::{Described, DescribedColumn, DescribedKind, describe};
pub use error::{Error, ErrorKind};
pub use functions::{Function, functions};
pub use param::Param;
pub use query::QueryOptions;
pub use query_config::QueryConfig;
pub use status::{Status, TableStatus};
pub use store::{Receipt, Store};
