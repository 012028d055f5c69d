//! The words that every part of karat shares: ids, units, and the tables with their rows.
//!
//! Pure: no I/O, no clock, no runtime. A table is declared once, as a Rust struct whose doc comments are the
//! column descriptions that `karat schema` prints; the Arrow schema, the encoder and the decoder follow from it.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

pub mod alert;
pub mod id;
pub mod key;
pub mod log;
pub mod metric;
pub mod rows;
pub mod run;
pub mod score;
pub mod span;
pub mod table;
pub mod unit;

pub use alert::{AlertTransition, MonitorState, Notification};
pub use id::{SpanId, Tenant, TraceId};
pub use key::{Denied, Keys};
pub use log::LogRecord;
pub use metric::MetricPoint;
pub use rows::{Row, RowsError};
pub use run::{CaseResult, Label, Repricing, Run, Spend};
pub use score::Score;
pub use span::Span;
pub use table::{Column, Kind, Table};
pub use unit::{Clock, Day, Micros, NanoUsd};
