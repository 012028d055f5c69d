//! What a gateway or an ingester counts of Kafka.

use collector::kafka::{KafkaStatus, PartitionStatus};

use super::page::{Labels, Page, labels};
use super::truth;

/// Adds whether brokers answer, what a gateway delivered and turned away, and how far an ingester has read.
pub(super) fn write(page: &mut Page, status: &KafkaStatus) {
    page.gauge("kafka_reachable", "Whether the brokers answer", status.reachable.map(|reachable| (labels([]), truth(reachable))));
    page.gauge("kafka_warning", "1 where gateways or ingesters are put together wrongly", status.warning.as_ref().map(|_| (labels([]), 1.0)));
    let delivered = status.delivered.iter().map(|(signal, n)| (labels([("signal", signal.as_str())]), *n));
    page.counter("kafka_delivered", "Messages of this gateway that the brokers have", delivered);
    let mut refused = Vec::new();
    for (signal, reasons) in &status.refused {
        refused.extend(reasons.iter().map(|(reason, n)| (labels([("signal", signal.as_str()), ("reason", reason.as_str())]), *n)));
    }
    page.counter("kafka_refused", "Requests that this gateway turned away, by reason", refused);
    let numbers = |pick: fn(&PartitionStatus) -> Option<i64>| {
        status.partitions.iter().filter_map(move |partition| Some((of(partition), pick(partition)? as f64))).collect::<Vec<_>>()
    };
    page.gauge("kafka_lag", "Messages of a partition that are not in the tables yet", numbers(|partition| partition.lag));
    page.gauge("kafka_committed_offset", "Last offset that is in the tables with all before it", numbers(|partition| partition.committed_offset));
    page.gauge("kafka_partition_fault", "1 for a partition that cannot be read", numbers(|partition| partition.fault.as_ref().map(|_| 1)));
}

fn of(partition: &PartitionStatus) -> Labels {
    let number = partition.partition.to_string();
    labels([("topic", partition.topic.as_str()), ("partition", number.as_str())])
}
