//! Every setting of Kafka.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::otlp::Signal;

/// Settings of the roles `gateway` and `ingester`; each says what it trades.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Addresses of some brokers, `host:port` with commas between; the others are found through them. Default `127.0.0.1:9092`.
    pub brokers: String,
    /// Name of the consumer group: ingesters of one group share the partitions, and must share the tables (`store.root`). Default `karat`.
    pub group: String,
    /// How the brokers are spoken to: `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`. Default `plaintext`.
    pub security_protocol: Protocol,
    /// How karat proves who it is under `sasl_...`: `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`. Default `SCRAM-SHA-512`.
    pub sasl_mechanism: String,
    /// The user's name under `sasl_...`. Default empty.
    pub username: String,
    /// Name of the environment variable that holds the user's password. Default empty.
    pub password_env: String,
    /// File with the certificates that brokers are trusted by, in PEM; empty for those of the system. Default empty.
    pub ca_file: PathBuf,
    /// How a gateway compresses: `lz4`, `gzip`, `snappy` or `none`. Network and the brokers' disks against CPU. Default `lz4`.
    pub compression: String,
    /// Largest message of a gateway before compression, in bytes; larger requests are split. At most what the brokers take
    /// (`message.max.bytes`, 1 MB unless changed there), for a single span above it is refused. Default 1,000,000.
    pub message_bytes_max: usize,
    /// Bytes that wait in a gateway for their delivery; over it senders are told to come back. They count as memory of ingest, too. Memory
    /// against slow brokers. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// How long a gateway tries to deliver a message, in milliseconds; then its sender is told to come back. Shorter than the patience of
    /// exporters, which is 10 s unless changed there. Default 8000.
    pub delivery_timeout_ms: u64,
    /// Bytes that an ingester fetches ahead, in bytes; they count as memory of ingest, twice. Throughput over slow networks against
    /// memory. Default 16 MiB.
    pub prefetch_bytes_max: usize,
    /// How long an ingester may be silent before others get its partitions, in milliseconds. Sooner after a crash against calm on slow
    /// networks. The brokers want 6,000 at least. Default 10,000.
    pub session_timeout_ms: u64,
    /// Messages of a partition that an ingester reads once more when it takes it on, though they are in the tables: what a sender repeated of
    /// them because it never heard the answer is told apart. Reading against rows that are there twice. Default 1000.
    pub lookback_messages: u32,
    /// Goes up by one when topics were deleted and made again under the same names, or moved to this cluster anew: their offsets begin again,
    /// and with them what is known of what was read. Default 0.
    pub epoch: u32,
    /// Names of the topics.
    pub topics: Topics,
    /// Further settings of librdkafka, by its own names, over those that karat makes. Default none.
    pub properties: BTreeMap<String, String>,
}

/// How brokers are spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

/// Names of the topics; the defaults are those of the Collector's Kafka exporter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// Of spans. Default `otlp_spans`.
    pub traces: String,
    /// Of log records. Default `otlp_logs`.
    pub logs: String,
    /// Of data points. Default `otlp_metrics`.
    pub metrics: String,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            group: "karat".to_owned(),
            security_protocol: Protocol::Plaintext,
            sasl_mechanism: "SCRAM-SHA-512".to_owned(),
            username: String::new(),
            password_env: String::new(),
            ca_file: PathBuf::new(),
            compression: "lz4".to_owned(),
            message_bytes_max: 1_000_000,
            queue_bytes_max: 64 * 1024 * 1024,
            delivery_timeout_ms: 8_000,
            prefetch_bytes_max: 16 * 1024 * 1024,
            session_timeout_ms: 10_000,
            lookback_messages: 1_000,
            epoch: 0,
            topics: Topics::default(),
            properties: BTreeMap::new(),
        }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self { traces: "otlp_spans".to_owned(), logs: "otlp_logs".to_owned(), metrics: "otlp_metrics".to_owned() }
    }
}

impl Protocol {
    /// Returns librdkafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        }
    }

    /// Tells whether karat must prove who it is.
    pub fn is_sasl(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }
}

impl Topics {
    /// Returns the topic of a signal.
    pub fn of(&self, signal: Signal) -> &str {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
        }
    }

    /// Finds the signal of a topic.
    pub fn signal_of(&self, topic: &str) -> Option<Signal> {
        [Signal::Traces, Signal::Logs, Signal::Metrics].into_iter().find(|signal| self.of(*signal) == topic)
    }
}
