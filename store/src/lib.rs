//! The log, the Delta tables and the SQL over them: the only crate that knows how rows are kept.
//!
//! A body is durable in the log before it is acked (`wal`), its rows are visible at once (`snapshot`), and every few
//! seconds they are committed to Delta tables together with the log position that they reach, so that a crash at any
//! moment neither loses nor doubles a row.

mod appender;
mod budget;
mod config;
mod conform;
mod datafile;
mod decode;
mod dedup;
mod delta;
mod disk;
mod error;
mod fail;
mod held;
mod ipc;
mod lock;
mod maintain;
mod open;
mod progress;
mod quarantine;
mod replay;
mod snapshot;
mod status;
mod store;
mod tables;
mod wal;
mod writer;

pub use config::StoreConfig;
pub use decode::{Decode, DecodeError, Prepared, Record, Rows, Signal};
pub use error::{Error, ErrorKind};
pub use status::{Status, TableStatus};
pub use store::{Receipt, Store};
