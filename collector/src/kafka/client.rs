//! What gateway and ingester have in common: how the brokers are reached, and what the client library tells.

use std::collections::HashMap;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::statistics::Statistics;

use super::{KafkaConfig, KafkaError, KafkaHealth};

/// How often the library tells how its connections and partitions stand.
const STATISTICS_MS: &str = "1000";

impl KafkaConfig {
    /// Begins the library's settings; `own` are those of one role, and the user's go over all.
    pub(super) fn client(&self, password: Option<&str>, own: &[(&str, &str)]) -> Result<ClientConfig, KafkaError> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "karat")
            .set("security.protocol", self.security_protocol.name())
            .set("statistics.interval.ms", STATISTICS_MS)
            .set("log.connection.close", "false");
        if !self.ca_file.as_os_str().is_empty() {
            client.set("ssl.ca.location", self.ca_file.display().to_string());
        }
        if self.security_protocol.is_sasl() {
            let Some(password) = password else {
                let reason = format!("security_protocol is {}, and password_env names no variable that is set", self.security_protocol.name());
                return Err(KafkaError::Settings(reason));
            };
            client.set("sasl.mechanism", &self.sasl_mechanism).set("sasl.username", &self.username).set("sasl.password", password);
        }
        for (name, value) in own {
            client.set(*name, *value);
        }
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        Ok(client)
    }
}

/// Hears what the library has to tell.
#[derive(Clone)]
pub(super) struct Listener {
    pub health: KafkaHealth,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::debug!(facility, message, "librdkafka warns");
            }
            _ => tracing::trace!(facility, message, "librdkafka"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.health.reached();
        }
        for (topic, of) in &statistics.topics {
            ends(&of.partitions, |partition, end| self.health.ends_at(topic, partition, end));
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        if error.rdkafka_error_code().is_some_and(is_outage) && self.health.lost(reason) {
            tracing::warn!(%error, reason, "the Kafka brokers do not answer; it is tried again");
        } else {
            tracing::debug!(%error, reason, "Kafka");
        }
    }
}

fn is_outage(code: rdkafka::types::RDKafkaErrorCode) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    matches!(code, Code::AllBrokersDown | Code::Authentication | Code::SSL | Code::Resolve)
}

fn ends(partitions: &HashMap<i32, rdkafka::statistics::Partition>, mut tell: impl FnMut(i32, i64)) {
    partitions.iter().filter(|(number, of)| **number >= 0 && of.hi_offset >= 0).for_each(|(number, of)| tell(*number, of.hi_offset));
}
