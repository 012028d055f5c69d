//! What a server says of itself: whether it is ready, and how Kafka stands; pure.

use collector::kafka::{KafkaStatus, PartitionStatus};
use serde::Deserialize;
use store::StreamPosition;

use super::findings::{Finding, Level};
use crate::config::Role;

/// What a server says of itself at `/ready`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// What it is for.
    pub role: Role,
    /// Why it can take nothing at this moment.
    pub reason: Option<String>,
    /// How Kafka stands, where it has to do with it.
    pub kafka: Option<KafkaStatus>,
}

/// Looks at whether the server is ready, at the brokers, and at how far each partition is read.
pub fn examine(standing: &Standing) -> Vec<Finding> {
    let not_ready = standing.reason.iter().map(|reason| Finding { level: Level::Bad, what: "ready", text: format!("not ready: {reason}") });
    not_ready.chain(standing.kafka.iter().flat_map(|kafka| of_kafka(standing.role, kafka))).collect()
}

fn of_kafka(role: Role, status: &KafkaStatus) -> Vec<Finding> {
    let (level, brokers) = match (status.reachable, &status.fault) {
        (Some(true), _) => (Level::Ok, "the brokers answer".to_owned()),
        (Some(false), Some(fault)) => (Level::Bad, format!("the brokers do not answer ({fault}); it is tried again")),
        (Some(false), None) => (Level::Bad, "the brokers do not answer; it is tried again".to_owned()),
        (None, _) => (Level::Note, "no broker has answered yet; is kafka.brokers right?".to_owned()),
    };
    let text = match role {
        Role::Gateway => format!("role gateway: {brokers}; {} messages delivered", status.delivered.values().sum::<u64>()),
        Role::Ingester | Role::All | Role::Query => format!("role ingester: {brokers}; {} partitions are read here", status.partitions.len()),
    };
    let mut findings = vec![Finding { level, what: "kafka", text }];
    findings.extend(status.warning.iter().map(|warning| Finding { level: Level::Bad, what: "kafka", text: warning.clone() }));
    let refused = status.refused.iter().map(|(signal, reasons)| {
        let reasons: Vec<_> = reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        Finding { level: Level::Ok, what: "refused", text: format!("{signal}: {}", reasons.join(", ")) }
    });
    findings.extend(refused);
    findings.extend(status.partitions.iter().map(of_partition));
    findings
}

fn of_partition(status: &PartitionStatus) -> Finding {
    let PartitionStatus { topic, partition, committed_offset, lag, fault, .. } = status;
    let committed = committed_offset.map_or("nothing is committed yet".to_owned(), |last| format!("committed up to offset {last}"));
    let behind = lag.map_or("its end is not known yet".to_owned(), |lag| format!("{lag} messages behind"));
    match fault {
        Some(fault) => Finding { level: Level::Bad, what: "partition", text: fault.clone() },
        None => Finding { level: Level::Ok, what: "partition", text: format!("{topic}/{partition}: {committed}, {behind}") },
    }
}

/// Says how far the tables at rest have come in each partition.
pub fn positions(positions: &[StreamPosition]) -> Vec<Finding> {
    let of_partition = |run: &[StreamPosition]| {
        let complete = run.iter().map(|position| position.complete).max().unwrap_or_default();
        let tables = run.iter().map(|position| format!("{}/{} before {}", position.tenant, position.table, position.next));
        let stream = run.first().map_or("", |position| position.stream.as_str());
        let text = format!("{stream}: every table has what is before offset {complete}; {}", tables.collect::<Vec<_>>().join(", "));
        Finding { level: Level::Ok, what: "partition", text }
    };
    positions.chunk_by(|a, b| a.stream == b.stream).map(of_partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(standing: &Standing, expected: &[(Level, &str)]) {
        let findings = examine(standing);
        assert_eq!(findings.iter().map(|finding| (finding.level, finding.text.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_a_gateway_turned_away_is_told() {
        let of = |reason: &str, n| (reason.to_owned(), n);
        let kafka = KafkaStatus {
            reachable: Some(true),
            delivered: [of("logs", 2), of("traces", 5)].into(),
            refused: [("traces".to_owned(), [of("busy", 3), of("malformed", 1)].into())].into(),
            ..KafkaStatus::default()
        };
        let standing = Standing { role: Role::Gateway, kafka: Some(kafka), ..Standing::default() };
        let delivered = "role gateway: the brokers answer; 7 messages delivered";
        check(&standing, &[(Level::Ok, delivered), (Level::Ok, "traces: 3 busy, 1 malformed")]);
    }

    #[test]
    fn a_server_that_takes_nothing_is_bad() {
        let standing = Standing { reason: Some("commits hang".to_owned()), ..Standing::default() };
        check(&standing, &[(Level::Bad, "not ready: commits hang")]);
    }

    #[test]
    fn the_offsets_of_tables_at_rest_are_told_by_partition() {
        let at = |stream: &str, table: &str, next, complete| StreamPosition {
            stream: stream.to_owned(),
            tenant: "default".to_owned(),
            table: table.to_owned(),
            next,
            complete,
        };
        let found = positions(&[
            at("kafka:c/otlp_spans/0", "scores", 7, 5),
            at("kafka:c/otlp_spans/0", "spans", 9, 7),
            at("kafka:c/otlp_spans/1", "spans", 2, 2),
        ]);
        let expected = "kafka:c/otlp_spans/0: every table has what is before offset 7; default/scores before 7, default/spans before 9";
        assert_eq!((found.len(), found[0].text.as_str()), (2, expected));
    }

    #[test]
    fn lag_and_faults_are_told() {
        let partition = |topic: &str| PartitionStatus { topic: topic.to_owned(), ..PartitionStatus::default() };
        let read = PartitionStatus { committed_offset: Some(41), lag: Some(3), ..partition("otlp_spans") };
        let off = PartitionStatus { fault: Some("made anew".to_owned()), ..partition("otlp_logs") };
        let kafka = KafkaStatus { reachable: Some(true), partitions: vec![read, off], ..KafkaStatus::default() };
        let expected = [
            (Level::Ok, "role ingester: the brokers answer; 2 partitions are read here"),
            (Level::Ok, "otlp_spans/0: committed up to offset 41, 3 messages behind"),
            (Level::Bad, "made anew"),
        ];
        check(&Standing { role: Role::Ingester, kafka: Some(kafka), ..Standing::default() }, &expected);
        check(&Standing::default(), &[]);
    }
}
