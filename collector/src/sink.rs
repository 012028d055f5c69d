//! Where requests go once they are checked.

use std::sync::Arc;

use bytes::Bytes;
use schema::{Micros, Tenant};
use store::{Budget, Prepared, Store};

use crate::otlp::Signal;
use crate::refusal::Refusal;

/// What makes an answer true: the store of this node, or the brokers of Kafka.
pub enum Sink {
    /// The log and the tables.
    Store(Store),
    /// Kafka, which ingesters read.
    #[cfg(feature = "kafka")]
    Kafka(Box<crate::kafka::Gateway>),
}

impl Sink {
    /// Returns the memory that requests are let in with.
    pub(crate) fn memory(&self) -> &Arc<Budget> {
        match self {
            Sink::Store(store) => store.memory(),
            #[cfg(feature = "kafka")]
            Sink::Kafka(gateway) => gateway.memory(),
        }
    }

    /// Counts a request that was turned away. The store counts itself what it refuses.
    pub(crate) fn refused(&self, signal: Signal, refusal: &Refusal) {
        match self {
            Sink::Store(_) if matches!(refusal, Refusal::Store(_)) => {}
            Sink::Store(store) => store.refused(signal.of_store(), refusal.reason()),
            #[cfg(feature = "kafka")]
            Sink::Kafka(gateway) => gateway.refused(signal, refusal),
        }
    }

    /// Tells whether what was taken cannot leave: commits hang or fail, or the brokers do not answer.
    pub(crate) fn is_stalled(&self) -> bool {
        match self {
            Sink::Store(store) => store.is_stalled(),
            #[cfg(feature = "kafka")]
            Sink::Kafka(gateway) => gateway.is_stalled(),
        }
    }

    /// Keeps a body; it is durable when this returns. Returns how many of its items were too large to be kept.
    pub(crate) async fn keep(&self, tenant: &Tenant, signal: Signal, body: Bytes, now: Micros, prepared: Prepared) -> Result<usize, Refusal> {
        match self {
            Sink::Store(store) => {
                store.ingest(tenant, signal.of_store(), body, now, Some(prepared)).await?;
                Ok(0)
            }
            #[cfg(feature = "kafka")]
            Sink::Kafka(gateway) => {
                // Rows are made by who reads it; until then only the bytes are needed.
                drop(prepared);
                gateway.send(tenant, signal, body).await
            }
        }
    }
}
