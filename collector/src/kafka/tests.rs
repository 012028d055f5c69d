//! Gateway and ingester over a cluster inside the process, which fails when it is asked to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use schema::{Clock, Micros, Tenant};
use store::{Budget, QueryOptions, Store, StoreConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::split::{Pieces, split};
use super::{Gateway, KafkaConfig, KafkaError, KafkaHealth, ingest};
use crate::decode::{DecodeConfig, Decoder};
use crate::otlp::Signal;
use crate::price::PriceTable;
use crate::refusal::Refusal;

const NOW: Micros = Micros(1_793_491_200_000_000);

/// A request of `n` spans whose ids begin at `first`; each has so many bytes of text.
fn body(first: u64, n: u64, text_bytes: usize) -> Bytes {
    let span = |number: u64| {
        let id = (first + number + 1).to_be_bytes();
        let text = AnyValue { value: Some(Value::StringValue("x".repeat(text_bytes))) };
        Span {
            trace_id: [id, id].concat(),
            span_id: id.to_vec(),
            name: "work".to_owned(),
            start_time_unix_nano: 1_793_491_200_000_000_000,
            end_time_unix_nano: 1_793_491_200_000_000_001,
            attributes: vec![KeyValue { key: "text".to_owned(), value: Some(text), ..KeyValue::default() }],
            ..Span::default()
        }
    };
    let scope = |spans: Vec<Span>| ScopeSpans { spans, ..ScopeSpans::default() };
    let spans: Vec<Span> = (0..n).map(span).collect();
    let scopes = spans.chunks(3).map(|spans| scope(spans.to_vec())).collect();
    let resource = ResourceSpans { scope_spans: scopes, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec().into()
}

/// A cluster, a gateway before it and an ingester behind it.
struct Line {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    config: KafkaConfig,
    gateway: Gateway,
    health: KafkaHealth,
    data: tempfile::TempDir,
}

impl Line {
    fn start(change: impl FnOnce(&mut KafkaConfig)) -> Line {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["otlp_spans", "otlp_logs", "otlp_metrics"] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        let mut config = KafkaConfig { brokers: cluster.bootstrap_servers(), delivery_timeout_ms: 2_000, ..KafkaConfig::default() };
        change(&mut config);
        let health = KafkaHealth::default();
        let gateway = Gateway::new(config.clone(), None, Budget::new(100_000_000), health.clone()).unwrap();
        Line { cluster, config, gateway, health, data: tempfile::tempdir().unwrap() }
    }

    async fn send(&self, body: Bytes) -> Result<usize, Refusal> {
        self.gateway.send(&Tenant::default(), Signal::Traces, body).await
    }

    async fn ingester(&self) -> Ingester {
        let clock: Clock = Arc::new(|| NOW);
        let decoder = Arc::new(Decoder::new(Arc::new(PriceTable::shipped()), DecodeConfig::default()));
        let config = StoreConfig { data: self.data.path().to_owned(), flush_interval_ms: 100, lock_wait_ms: 10_000, ..StoreConfig::default() };
        let store = Store::open(config, Arc::clone(&decoder) as _, Arc::clone(&clock)).await.unwrap();
        let stop = CancellationToken::new();
        let (kafka, health) = (self.config.clone(), KafkaHealth::default());
        let reading = tokio::spawn(ingest(kafka, None, 100_000_000, store.clone(), decoder, clock, health.clone(), stop.clone()));
        Ingester { store, health, stop, reading }
    }
}

struct Ingester {
    store: Store,
    health: KafkaHealth,
    stop: CancellationToken,
    reading: JoinHandle<Result<(), KafkaError>>,
}

impl Ingester {
    /// Counts spans and different spans.
    async fn count(&self, tenant: &Tenant) -> (i64, i64) {
        let sql = "select count(*), count(distinct span_id) from spans";
        self.store.query(tenant, sql, &QueryOptions::default()).await.unwrap().rows::<(i64, i64)>().unwrap()[0]
    }

    async fn wait_for(&self, n_spans: i64) {
        let began = Instant::now();
        while self.count(&Tenant::default()).await != (n_spans, n_spans) {
            let found = self.count(&Tenant::default()).await;
            assert!(began.elapsed() < Duration::from_secs(60), "{found:?} of {n_spans}: {:?}", self.health.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.reading.await.unwrap().unwrap();
        self.store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_acks_lands_once() {
    let line = Line::start(|_| {});
    let ingester = line.ingester().await;
    for n in 0..20 {
        assert_eq!(line.send(body(n * 10, 10, 100)).await.unwrap(), 0);
    }
    // What is sent again is written again, and told apart by who reads it.
    line.send(body(0, 10, 100)).await.unwrap();
    ingester.wait_for(200).await;
    assert_eq!(line.health.status().delivered["traces"], 21);
    ingester.stop().await;

    line.send(body(200, 10, 100)).await.unwrap();
    let ingester = line.ingester().await;
    ingester.wait_for(210).await;
    let began = Instant::now();
    while ingester.health.status().partitions.iter().any(|partition| partition.topic == "otlp_spans" && partition.lag != Some(0)) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", ingester.health.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ingester.health.trouble(), None);
    ingester.stop().await;
}

/// A broker that is away costs nobody anything but time.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_is_waited_for() {
    let line = Line::start(|_| {});
    let ingester = line.ingester().await;
    line.send(body(0, 5, 100)).await.unwrap();
    line.cluster.broker_down(1).unwrap();
    let refusal = line.send(body(5, 5, 100)).await.unwrap_err();
    assert!(refusal.verdict().retry_after.is_some(), "{refusal}");
    assert!(line.health.trouble().is_some());
    line.cluster.broker_up(1).unwrap();
    let began = Instant::now();
    while line.send(body(5, 5, 100)).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60));
    }
    ingester.wait_for(10).await;
    ingester.stop().await;
}

/// Errors that a broker recovers from by itself are not told to senders, and double nothing.
#[tokio::test(flavor = "multi_thread")]
async fn passing_errors_of_brokers_are_tried_again() {
    let line = Line::start(|config| config.delivery_timeout_ms = 20_000);
    let ingester = line.ingester().await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
    line.cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    for n in 0..5 {
        line.send(body(n * 5, 5, 100)).await.unwrap();
    }
    ingester.wait_for(25).await;
    ingester.stop().await;
}

/// More than a message may hold is split; a span that is more by itself is left out and counted.
#[tokio::test(flavor = "multi_thread")]
async fn large_requests_are_split() {
    let line = Line::start(|config| config.message_bytes_max = 4_000);
    let ingester = line.ingester().await;
    assert_eq!(line.send(body(0, 40, 500)).await.unwrap(), 0);
    assert_eq!(line.send(body(100, 1, 5_000)).await.unwrap(), 1);
    ingester.wait_for(40).await;
    ingester.stop().await;
}

/// A topic may take less than the settings say: what it refuses is split again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_finds_too_large_is_split() {
    let line = Line::start(|_| {});
    let ingester = line.ingester().await;
    line.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    assert_eq!(line.send(body(0, 8, 100)).await.unwrap(), 0);
    assert!(line.health.status().delivered["traces"] > 1);
    ingester.wait_for(8).await;
    ingester.stop().await;
}

/// Messages that are no requests are put aside, and stop nothing; JSON and the tenant's header are understood.
#[tokio::test(flavor = "multi_thread")]
async fn poison_is_put_aside() {
    let line = Line::start(|_| {});
    let producer: FutureProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", &line.config.brokers).create().unwrap();
    let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0000000000000000000000000000000a","spanId":"000000000000000a","name":"j","startTimeUnixNano":"1793491200000000000","endTimeUnixNano":"1793491200000000001"}]}]}]}"#;
    for payload in [&b"\xff\xff poison"[..], &body(100, 3, 10), json.as_bytes()] {
        producer.send(FutureRecord::<str, [u8]>::to("otlp_spans").partition(0).payload(payload), Duration::from_secs(5)).await.unwrap();
    }
    let other = Tenant::new("other").unwrap();
    line.gateway.send(&other, Signal::Traces, body(500, 2, 10)).await.unwrap();
    let ingester = line.ingester().await;
    ingester.wait_for(4).await;
    let began = Instant::now();
    while ingester.count(&other).await != (2, 2) {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ingester.store.status().quarantined, 1);
    ingester.stop().await;
}

#[test]
fn a_cut_goes_between_items() {
    let whole = body(0, 10, 200);
    for bytes_max in [300, 700, 1_000, whole.len() - 1, whole.len()] {
        let Pieces { bodies, n_too_large } = split(Signal::Traces, &whole, bytes_max).unwrap();
        assert_eq!(n_too_large, 0);
        assert!(bodies.iter().all(|body| body.len() <= bytes_max) && (bytes_max < whole.len()) == (bodies.len() > 1));
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        let ids: Vec<u64> = scopes.flat_map(|scope| scope.spans).map(|span| u64::from_be_bytes(span.span_id.try_into().unwrap())).collect();
        assert_eq!(ids, (1..=10).collect::<Vec<u64>>());
    }
    assert_eq!(split(Signal::Traces, &whole, 100).unwrap(), Pieces { bodies: Vec::new(), n_too_large: 10 });
}

#[test]
fn sasl_wants_a_password() {
    let config = KafkaConfig { security_protocol: super::Protocol::SaslSsl, ..KafkaConfig::default() };
    let error = Gateway::new(config, None, Budget::new(1), KafkaHealth::default()).err().unwrap();
    assert!(error.to_string().contains("password_env names no variable that is set"), "{error}");
}
