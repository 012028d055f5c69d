//! What people can see of Kafka: whether its brokers answer, and how far each partition is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How Kafka stands, as seen from this process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KafkaStatus {
    /// Whether brokers answer; nothing before that is known.
    pub reachable: Option<bool>,
    /// What the client library complained of last, while brokers do not answer.
    pub fault: Option<String>,
    /// What looks wrong in how the parts are put together.
    pub warning: Option<String>,
    /// Messages of a gateway that the brokers have, by signal.
    pub delivered: BTreeMap<String, u64>,
    /// Requests that a gateway turned away, by signal and reason.
    pub refused: BTreeMap<String, BTreeMap<String, u64>>,
    /// The partitions that an ingester reads.
    pub partitions: Vec<PartitionStatus>,
}

/// How far a partition is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The last offset whose rows, and those of all before it, are committed; nothing where there is none.
    pub committed_offset: Option<i64>,
    /// The offset that the next message of the partition will have, if the brokers have said.
    pub end_offset: Option<i64>,
    /// Messages that are not committed yet, if that is known.
    pub lag: Option<i64>,
    /// Why the partition is not read.
    pub fault: Option<String>,
}

/// Where the parts that speak with Kafka note what they see; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct KafkaHealth(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    status: KafkaStatus,
    ends: BTreeMap<(String, i32), i64>,
}

impl KafkaHealth {
    /// Returns how Kafka stands.
    pub fn status(&self) -> KafkaStatus {
        let Seen { mut status, ends } = {
            let seen = self.0.lock();
            Seen { status: seen.status.clone(), ends: seen.ends.clone() }
        };
        for partition in &mut status.partitions {
            partition.end_offset = ends.get(&(partition.topic.clone(), partition.partition)).copied();
            let next = partition.committed_offset.map_or(0, |last| last + 1);
            partition.lag = partition.end_offset.map(|end| (end - next).max(0));
        }
        status
    }

    /// Tells in a few words why Kafka cannot be used now; nothing where it can.
    pub fn trouble(&self) -> Option<String> {
        let seen = self.0.lock();
        match seen.status.reachable {
            Some(true) => seen.status.partitions.iter().find_map(|partition| partition.fault.clone()),
            Some(false) => Some("the Kafka brokers do not answer".to_owned()),
            None => Some("no Kafka broker has answered yet".to_owned()),
        }
    }

    /// Notes that brokers answer.
    pub fn reached(&self) {
        let status = &mut self.0.lock().status;
        (status.reachable, status.fault) = (Some(true), None);
    }

    /// Notes that brokers do not answer, and what the client library says of it. Returns whether that is news.
    pub fn lost(&self, fault: &str) -> bool {
        let status = &mut self.0.lock().status;
        status.fault = Some(fault.to_owned());
        status.reachable.replace(false) != Some(false)
    }

    /// Notes what looks wrong in how the parts are put together, or that nothing does any more. Returns whether that is news.
    pub fn warns(&self, warning: Option<&str>) -> bool {
        let known = &mut self.0.lock().status.warning;
        let is_news = known.as_deref() != warning;
        *known = warning.map(str::to_owned);
        is_news
    }

    /// Counts a message that the brokers have.
    pub fn delivered(&self, signal: &str) {
        *self.0.lock().status.delivered.entry(signal.to_owned()).or_default() += 1;
    }

    /// Counts a request that was turned away.
    pub fn refused(&self, signal: &str, reason: &str) {
        let refused = &mut self.0.lock().status.refused;
        *refused.entry(signal.to_owned()).or_default().entry(reason.to_owned()).or_default() += 1;
    }

    /// Notes which partitions are read, and how far.
    pub fn read(&self, partitions: Vec<PartitionStatus>) {
        self.0.lock().status.partitions = partitions;
    }

    /// Notes where a partition ends.
    pub fn ends_at(&self, topic: &str, partition: i32, end: i64) {
        self.0.lock().ends.insert((topic.to_owned(), partition), end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_what_is_not_committed() {
        let health = KafkaHealth::default();
        let partition = |topic: &str, committed_offset| PartitionStatus { topic: topic.to_owned(), committed_offset, ..PartitionStatus::default() };
        health.read(vec![partition("fresh", None), partition("read", Some(7)), partition("unknown", Some(1))]);
        health.ends_at("fresh", 0, 5);
        health.ends_at("read", 0, 10);
        let lags: Vec<_> = health.status().partitions.into_iter().map(|partition| partition.lag).collect();
        assert_eq!(lags, [Some(5), Some(2), None]);
    }

    #[test]
    fn trouble_passes() {
        let health = KafkaHealth::default();
        assert!(health.trouble().is_some(), "nobody has answered yet");
        assert!(health.lost("refused") && !health.lost("refused again"));
        assert!(health.trouble().is_some());
        health.reached();
        assert_eq!((health.trouble(), health.status().fault), (None, None));
    }
}
