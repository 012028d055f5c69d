//! Query nodes over the tables of another node, in an object store.

use std::path::Path;
use std::process::Stdio;

use crate::objects::{REQUESTS, S3, SPANS, send_all};
use crate::ready::free_ports;
use crate::server::Server;

const NODES: usize = 3;

/// The twelve questions of the benchmark.
fn questions() -> Vec<&'static str> {
    let parts = include_str!("../../benches/queries.sql").split("-- name:").skip(1);
    parts.map(|part| part.split_once('\n').unwrap().1.trim().trim_end_matches(';')).collect()
}

fn query_node(s3: &S3, data: &Path, port: u16, nodes: &str) -> Server {
    let mut command = s3.command(data);
    command.env("KARAT_ROLE", "query").env("KARAT_LISTEN_CLUSTER", format!("127.0.0.1:{port}")).env("KARAT_CLUSTER_NODES", nodes);
    command.env("KARAT_CLUSTER_SECRET", "the same on every node").env("KARAT_CLUSTER_TASK_BYTES", "1").env("KARAT_STORE_FOLLOW_MS", "100");
    Server::ready(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()).expect("a query node comes up")
}

#[tokio::test(flavor = "multi_thread")]
async fn query_nodes_answer_as_the_writing_node_does() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let writer = s3.node(&dir.path().join("writer"));
    let ports = free_ports::<NODES>();
    let urls: Vec<String> = ports.iter().map(|port| format!("\"http://127.0.0.1:{port}\"")).collect();
    let nodes: Vec<Server> =
        ports.iter().map(|port| query_node(&s3, &dir.path().join(port.to_string()), *port, &format!("[{}]", urls.join(",")))).collect();
    send_all(writer.otlp_http.clone(), 0).await;
    send_all(writer.otlp_http.clone(), 1).await;
    let all = 2 * REQUESTS * SPANS;
    for node in &nodes {
        assert_eq!(node.status("/ready").await, 200);
        let started = std::time::Instant::now();
        while node.sql(None, "select count(*) as n from spans").await[0]["n"] != all {
            assert!(started.elapsed().as_secs() < 30, "a query node sees what the other commits");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    for question in questions() {
        let alone = writer.sql(None, question).await;
        assert!(!alone.is_empty() && alone[0].as_object().unwrap().values().all(|value| !value.is_null()), "{question}: {alone:?}");
        for node in &nodes {
            assert_eq!(node.sql(None, question).await, alone, "{question}");
        }
    }
    for node in nodes {
        let status = node.store_status().await;
        assert!(status["cluster_tasks"].as_u64() > Some(10), "every node has its part: {status}");
        node.stop();
    }
    writer.stop();
}
