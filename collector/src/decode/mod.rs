//! Turns export requests into rows: what every span, record and point has, and then what its dialect says of model calls.

mod batches;
mod calendar;
pub mod fault;
pub(crate) mod json;
mod logs;
mod metrics;
mod resource;
mod traces;

use std::sync::Arc;

use schema::{Micros, RowsError};
use serde::{Deserialize, Serialize};
use store::{Decode, DecodeError, Record, Rows};

use crate::otlp::limits::{Admitted, Meter};
use crate::otlp::{self, Request, Signal};
use crate::price::PriceTable;
use calendar::Calendar;

/// Settings of the decoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeConfig {
    /// How far back a sender's clock is believed, in days: older rows lie in the partition of the day they arrived, so that a hostile
    /// clock cannot make thousands of partitions. Larger values let more history be sent in late. Default 90.
    pub retention_days: u32,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self { retention_days: 90 }
    }
}

/// Turns the bytes of the log into rows.
pub struct Decoder {
    prices: Arc<PriceTable>,
    config: DecodeConfig,
}

impl Decoder {
    /// Makes a decoder that prices calls by `prices`.
    pub fn new(prices: Arc<PriceTable>, config: DecodeConfig) -> Self {
        Self { prices, config }
    }

    /// Makes the rows of a request that arrived at `received_at`.
    pub fn rows(&self, request: &Request, received_at: Micros) -> Result<Rows, RowsError> {
        let calendar = Calendar::new(received_at, self.config.retention_days);
        match request {
            Request::Traces(request) => traces::rows(request, &calendar, &self.prices),
            Request::Logs(request) => logs::rows(request, &calendar),
            Request::Metrics(request) => metrics::rows(request, &calendar),
        }
    }
}

impl Decode for Decoder {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        let signal = match record.signal {
            store::Signal::Traces => Signal::Traces,
            store::Signal::Logs => Signal::Logs,
            store::Signal::Metrics => Signal::Metrics,
            store::Signal::Rows => return Err("rows are not OTLP; the store reads them itself".into()),
        };
        // The body was admitted and checked before it came into the log.
        let mut lender = Admitted;
        let read = otlp::read_protobuf(signal, record.body, &mut Meter::new(&mut lender, usize::MAX))?;
        Ok(self.rows(&read.request, record.received_at)?)
    }
}
