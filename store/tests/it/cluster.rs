//! Three query nodes give the answers that one gives.

use std::sync::Arc;

use schema::{Clock, Span, SpanId, TraceId};
use store::{ClusterConfig, Error, QueryOptions, Secret, Store, StoreConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixture::{DAY, Fixture, NOON, SECOND, call, text_rows};

const FILES: i64 = 12;
const SPANS_A_FILE: i64 = 200;

/// Questions that go through karat's views and functions, beside the twelve of the benchmark.
const OURS: [&str; 4] = [
    "select model, count(*) as calls, sum(cost_nanousd) as cost from llm_calls group by model order by model",
    "select response_model, ks_p_value(output_tokens, start_time > timestamp '2026-11-19T12:00:00Z') as p from spans group by response_model order by 1",
    "select psi(duration_ns, status = 'error') as drift from spans",
    "select a.service_name, count(*) as pairs from spans a join spans b on a.trace_id = b.trace_id and a.span_id < b.span_id group by 1 order by 1",
];

/// A node that only reads, with a worker for the tasks of others.
struct Node {
    store: Store,
    url: String,
    stop: CancellationToken,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn secret() -> Secret {
    Secret::new("0123456789abcdef").unwrap()
}

async fn node(root: &std::path::Path) -> Node {
    let clock: Clock = Arc::new(|| NOON);
    let config = StoreConfig { data: root.to_owned(), follow_ms: 50, ..StoreConfig::default() };
    let store = Store::open_follower(config, clock).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (serving, stopping) = (store.clone(), stop.clone());
    tokio::spawn(async move { serving.serve_tasks(listener, secret(), stopping).await });
    Node { store, url, stop }
}

/// Shares the queries of `nodes` out among them.
fn connect(nodes: &[Node], secret: &Secret) {
    let config = ClusterConfig { nodes: nodes.iter().map(|node| node.url.clone()).collect(), task_bytes: 1 };
    for node in nodes {
        node.store.share_queries(&config, secret.clone()).unwrap();
    }
}

fn spans(file: i64) -> Vec<Span> {
    let spans = (0..SPANS_A_FILE).map(|n| {
        let number = file * SPANS_A_FILE + n;
        let at = -(file % 7) * DAY + n * SECOND;
        let mut trace_id = [0; 16];
        trace_id[8..].copy_from_slice(&(number / 5).to_be_bytes());
        Span {
            trace_id: TraceId(trace_id),
            span_id: SpanId(number.to_be_bytes()),
            status: if number % 7 == 0 { "error" } else { "ok" }.to_owned(),
            service_name: Some(["checkout", "support", "search"][usize::try_from(number % 3).unwrap()].to_owned()),
            response_model: Some(["gpt-4o-mini", "claude-sonnet-4-5"][usize::try_from(number % 2).unwrap()].to_owned()),
            session_id: Some(format!("session-{}", number / 20)),
            user_id: Some(format!("user-{}", number / 60)),
            duration_ns: 1_000_000 * (1 + number * 7919 % 1009),
            output_tokens: Some(10 + number * 104_729 % 307),
            output_text: Some(format!("customs vault parcel {number}")),
            ..call(1, 1, at)
        }
    });
    spans.collect()
}

async fn filled() -> Fixture {
    let fixture = Fixture::open().await;
    for file in 0..FILES {
        fixture.add_file(&spans(file)).await;
    }
    fixture
}

fn tasks(nodes: &[Node]) -> u64 {
    nodes.iter().map(|node| node.store.status().cluster_tasks).sum()
}

fn benchmark() -> Vec<&'static str> {
    let parts = include_str!("../../../benches/queries.sql").split("-- name:").skip(1);
    parts.map(|part| part.split_once('\n').unwrap().1.trim().trim_end_matches(';')).collect()
}

async fn answer(store: &Store, sql: &str) -> Result<Vec<Vec<String>>, Error> {
    store.query(&schema::Tenant::default(), sql, &QueryOptions::default()).await.map(|answer| text_rows(&answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_answer_as_one() {
    let fixture = filled().await;
    let nodes = [node(fixture.path()).await, node(fixture.path()).await, node(fixture.path()).await];
    connect(&nodes, &secret());
    let mut shared_out = 0;
    for sql in benchmark().into_iter().chain(OURS) {
        let before = tasks(&nodes);
        let alone = answer(&fixture.store, sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        for node in &nodes {
            let together = answer(&node.store, sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
            assert_eq!(together, alone, "{sql}");
        }
        shared_out += usize::from(tasks(&nodes) > before + nodes.len() as u64);
    }
    assert!(shared_out >= 14, "{shared_out} of 16 queries were shared out");
    assert!(nodes.iter().all(|node| node.store.status().cluster_tasks > 10), "every node has its part");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sees_what_another_commits_later() {
    let fixture = filled().await;
    let nodes = [node(fixture.path()).await, node(fixture.path()).await];
    connect(&nodes, &secret());
    let count = "select count(*) from spans";
    assert_eq!(answer(&nodes[1].store, count).await.unwrap(), [[(FILES * SPANS_A_FILE).to_string()]]);
    fixture.add_file(&spans(FILES)).await;
    let all = [[((FILES + 1) * SPANS_A_FILE).to_string()]];
    let seen = async {
        while answer(&nodes[1].store, count).await.unwrap() != all {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), seen).await.expect("the other node's commit is seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_no_tasks_from_strangers() {
    let fixture = filled().await;
    let nodes = [node(fixture.path()).await, node(fixture.path()).await];
    connect(&nodes, &Secret::new("of another cluster").unwrap());
    let error = answer(&nodes[0].store, "select service_name, count(*) from spans group by 1").await.unwrap_err();
    assert!(error.to_string().contains("KARAT_CLUSTER_SECRET"), "{error}");
}
