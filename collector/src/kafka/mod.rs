//! Kafka between those who send and the tables, for loads that one machine cannot take.
//!
//! A gateway writes what it is sent to Kafka, and answers once the brokers have it. An ingester reads it back into the tables, each
//! partition exactly once. The messages are those of the OpenTelemetry Collector's Kafka exporter in its encoding `otlp_proto`: one
//! export request a message, a topic a signal; so a Collector can stand in the place of the gateway.

#[cfg(feature = "kafka")]
mod client;
mod config;
#[cfg(feature = "kafka")]
mod gateway;
mod health;
#[cfg(feature = "kafka")]
mod ingester;
#[cfg(feature = "kafka")]
mod message;
#[cfg(feature = "kafka")]
mod readings;
#[cfg(feature = "kafka")]
mod split;
#[cfg(test)]
#[cfg(feature = "kafka")]
mod tests;

pub use config::{KafkaConfig, Protocol, Topics};
#[cfg(feature = "kafka")]
pub use gateway::Gateway;
pub use health::{KafkaHealth, KafkaStatus, PartitionStatus};
#[cfg(feature = "kafka")]
pub use ingester::ingest;

/// Kafka cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The settings do not fit together.
    #[error("[kafka]: {0}")]
    Settings(String),
    /// The client library refused.
    #[cfg(feature = "kafka")]
    #[error("Kafka: {0}")]
    Client(#[from] rdkafka::error::KafkaError),
    /// What was read could not be handed to the store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The task that reads died.
    #[error("the reading of Kafka ended early: {0}")]
    Task(String),
}
