//! The seam between the log's bytes and the tables' rows.

use arrow::array::RecordBatch;
use schema::{Micros, Table, Tenant};

/// What the bytes of a log record are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// An OTLP trace export request.
    Traces,
    /// An OTLP log export request.
    Logs,
    /// An OTLP metric export request.
    Metrics,
    /// An Arrow IPC stream of rows of one table, written by [`Store::append`](crate::Store::append).
    Rows,
}

impl Signal {
    /// Returns the byte that stands for the signal in the log.
    pub(crate) fn code(self) -> u8 {
        match self {
            Signal::Traces => 1,
            Signal::Logs => 2,
            Signal::Metrics => 3,
            Signal::Rows => 4,
        }
    }

    /// Returns the name, as it stands in counters.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
            Signal::Rows => "rows",
        }
    }

    /// Reads the byte of the log.
    pub(crate) fn from_code(code: u8) -> Option<Signal> {
        [Signal::Traces, Signal::Logs, Signal::Metrics, Signal::Rows].into_iter().find(|signal| signal.code() == code)
    }
}

/// One record of the log, as it is handed to [`Decode`].
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Position in the log; grows by one a record.
    pub seq: u64,
    /// What the bytes are.
    pub signal: Signal,
    /// Who sent them.
    pub tenant: &'a Tenant,
    /// When they arrived.
    pub received_at: Micros,
    /// The bytes as they were sent, decompressed.
    pub body: &'a [u8],
}

/// Rows for one or more tables; each batch has the schema of its table.
pub type Rows = Vec<(Table, RecordBatch)>;

/// Why bytes could not be turned into rows.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// Turns the raw bytes of a log record into rows; pure CPU, deterministic in its input, because a replay must give the same rows.
pub trait Decode: Send + Sync {
    /// Decodes one record; the store never calls it for [`Signal::Rows`].
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError>;
}

/// Makes the rows of a request that was parsed already, so that its bytes need not be parsed twice.
pub type Prepared = Box<dyn FnOnce() -> Result<Rows, DecodeError> + Send>;
