//! The gateway's way out: requests become messages, and are acked once every in-sync broker has them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use parking_lot::RwLock;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use schema::Tenant;
use store::Budget;
use twox_hash::XxHash3_128;

use super::client::Listener;
use super::message::TENANT;
use super::split::{Pieces, split};
use super::{KafkaConfig, KafkaError, KafkaHealth};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// What key, headers and framing add to a message, at most.
const FRAME_BYTES: usize = 512;

/// Writes requests to Kafka.
pub struct Gateway {
    config: KafkaConfig,
    password: Option<String>,
    /// Made anew when the library says that it cannot go on.
    producer: RwLock<FutureProducer<Listener>>,
    memory: Arc<Budget>,
    health: KafkaHealth,
}

/// Why a message was not delivered.
enum Failure {
    /// It is more than a broker takes; here it is again.
    TooLarge(Vec<u8>),
    /// Something else, which may pass.
    Other(ClientError),
}

impl Gateway {
    /// Makes ready to send; brokers are looked for in the background. What waits for them is counted in `memory`.
    pub fn new(config: KafkaConfig, password: Option<String>, memory: Arc<Budget>, health: KafkaHealth) -> Result<Self, KafkaError> {
        let producer = RwLock::new(producer(&config, password.as_deref(), &health)?);
        Ok(Self { config, password, producer, memory, health })
    }

    /// Returns the memory that requests are let in with.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    /// Counts a request that was turned away.
    pub(crate) fn refused(&self, signal: Signal, refusal: &Refusal) {
        self.health.refused(signal.of_store().name(), refusal.reason());
    }

    /// Tells whether the brokers do not answer, so that what waits for them stays for a while.
    pub(crate) fn is_stalled(&self) -> bool {
        self.health.trouble().is_some()
    }

    /// Writes a request; every in-sync broker has it when this returns. Returns how many items were too large for a message by themselves.
    ///
    /// A request that is larger than a message may be is split. What a sender repeats because only a part of it was delivered is told apart
    /// by the ingester: a body always goes to the same partition.
    pub(crate) async fn send(&self, tenant: &Tenant, signal: Signal, body: Bytes) -> Result<usize, Refusal> {
        // The library copies what it sends, and keeps it until it is delivered.
        let _waiting = self.memory.take(body.len()).ok_or(Refusal::Busy)?;
        let mut waiting = self.fitting(signal, body)?;
        let mut n_too_large = waiting.n_too_large;
        while !waiting.bodies.is_empty() {
            let sent = join_all(waiting.bodies.iter().map(|body| self.deliver(tenant, signal, body))).await;
            waiting.bodies.clear();
            let mut refused = Vec::new();
            for outcome in sent {
                match outcome {
                    Ok(()) => self.health.delivered(signal.of_store().name()),
                    Err(Failure::TooLarge(body)) => refused.push(body),
                    Err(Failure::Other(error)) => return Err(self.refusal(&error)),
                }
            }
            // The topic takes less than these settings say.
            for body in refused {
                let pieces = split(signal, &body, body.len() / 2)?;
                n_too_large += pieces.n_too_large;
                waiting.bodies.extend(pieces.bodies);
            }
        }
        Ok(n_too_large)
    }

    fn fitting(&self, signal: Signal, body: Bytes) -> Result<Pieces, Refusal> {
        let bytes_max = self.config.message_bytes_max.saturating_sub(FRAME_BYTES);
        match body.len() <= bytes_max {
            true => Ok(Pieces { bodies: vec![body.into()], n_too_large: 0 }),
            false => Ok(split(signal, &body, bytes_max)?),
        }
    }

    async fn deliver(&self, tenant: &Tenant, signal: Signal, body: &[u8]) -> Result<(), Failure> {
        let key = XxHash3_128::oneshot(body).to_be_bytes();
        let headers = OwnedHeaders::new().insert(Header { key: TENANT, value: Some(tenant.as_str()) });
        let record = FutureRecord::to(self.config.topics.of(signal)).key(&key).payload(body).headers(headers);
        let producer = self.producer.read().clone();
        match producer.send(record, Duration::ZERO).await {
            Ok(_) => Ok(()),
            Err((error, message)) if is_too_large(&error) => Err(Failure::TooLarge(message.payload().unwrap_or_default().to_vec())),
            Err((error, _)) => Err(Failure::Other(error)),
        }
    }

    /// Says what a sender should do about a failed delivery. Whatever may pass is worth another try, also what an operator must mend.
    fn refusal(&self, error: &ClientError) -> Refusal {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
            return Refusal::Busy;
        }
        self.recover();
        Refusal::Undelivered(error.to_string())
    }

    /// Begins anew after an error that the library cannot recover from.
    fn recover(&self) {
        let mut current = self.producer.write();
        let Some((code, reason)) = current.client().fatal_error() else { return };
        match producer(&self.config, self.password.as_deref(), &self.health) {
            Ok(fresh) => *current = fresh,
            Err(error) => tracing::error!(%error, "the Kafka producer cannot be made again; restart karat"),
        }
        tracing::warn!(?code, reason, "the Kafka producer could not go on, and was made again");
    }
}

fn is_too_large(error: &ClientError) -> bool {
    matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize))
}

fn producer(config: &KafkaConfig, password: Option<&str>, health: &KafkaHealth) -> Result<FutureProducer<Listener>, KafkaError> {
    let own: &[(&str, &str)] = &[
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.type", &config.compression),
        ("linger.ms", "5"),
        ("message.max.bytes", &config.message_bytes_max.max(1_000).to_string()),
        ("batch.size", &config.message_bytes_max.to_string()),
        ("message.timeout.ms", &config.delivery_timeout_ms.to_string()),
        ("queue.buffering.max.kbytes", &(config.queue_bytes_max / 1024).max(1).to_string()),
        ("queue.buffering.max.messages", "0"),
    ];
    let client = config.client(password, own)?;
    Ok(client.create_with_context(Listener { health: health.clone() })?)
}
