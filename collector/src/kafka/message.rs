//! Messages of Kafka as records of the store.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use schema::{Micros, Tenant};
use store::{DecodeError, Prepared, Rows, StreamRecord};

use crate::decode::Decoder;
use crate::otlp::limits::{Admitted, Meter};
use crate::otlp::{Signal, read_json, read_protobuf};

/// The header that names the tenant; a message without it is the default tenant's. The Collector's exporter sets it from the metadata of a
/// request where `include_metadata_keys` names it.
pub(super) const TENANT: &str = "x-karat-tenant";

/// How messages become rows.
#[derive(Clone)]
pub(super) struct Reader {
    pub decoder: Arc<Decoder>,
    /// Memory that one message may take once it is read.
    pub bytes_max: usize,
}

impl Reader {
    /// Makes the record of a message. One that cannot be read becomes a record without rows, which the store puts aside.
    pub(super) fn record(&self, message: &BorrowedMessage<'_>, signal: Signal, now: Micros) -> Option<StreamRecord> {
        let body = Bytes::copy_from_slice(message.payload().unwrap_or_default());
        let (tenant, fault) = match tenant_of(message) {
            Ok(tenant) => (tenant, None),
            Err(fault) => (Tenant::default(), Some(fault)),
        };
        let (reader, bytes) = (self.clone(), body.clone());
        let prepared: Prepared = Box::new(move || match fault {
            Some(fault) => Err(fault),
            None => reader.rows(signal, &bytes, now),
        });
        let offset = u64::try_from(message.offset()).ok()?;
        Some(StreamRecord { offset, signal: signal.of_store(), tenant, received_at: now, body, prepared })
    }

    fn rows(&self, signal: Signal, body: &[u8], now: Micros) -> Result<Rows, DecodeError> {
        // The message is here and counted; what it takes for the moment of its reading is bounded.
        let mut lender = Admitted;
        let mut meter = Meter::new(&mut lender, self.bytes_max);
        // No protobuf request begins with a brace, and some exporters write JSON.
        let read = match body.first() {
            Some(b'{') => read_json(signal, body, &mut meter)?,
            _ => read_protobuf(signal, body, &mut meter)?,
        };
        Ok(self.decoder.rows(&read.request, now)?)
    }
}

fn tenant_of(message: &BorrowedMessage<'_>) -> Result<Tenant, DecodeError> {
    let Some(header) = message.headers().and_then(|headers| headers.iter().find(|header| header.key == TENANT)) else {
        return Ok(Tenant::default());
    };
    let name = String::from_utf8_lossy(header.value.unwrap_or_default());
    Tenant::new(&name).map_err(|error| format!("header {TENANT}: {error}").into())
}
