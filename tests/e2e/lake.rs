//! Other readers of Delta tables read the directory while the server runs and writes.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::server::{Server, service};

/// 2026-11-01T00:00:00Z.
const START_NANOS: u64 = 1_793_491_200_000_000_000;

fn body(first: u64, n: u64) -> Vec<u8> {
    let span = |number: u64| Span {
        trace_id: (u128::from(number) << 8 | 1).to_be_bytes().to_vec(),
        span_id: number.to_be_bytes().to_vec(),
        name: "work".to_owned(),
        start_time_unix_nano: START_NANOS + number * 1_000_000_000,
        end_time_unix_nano: START_NANOS + number * 1_000_000_000 + 1,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: (first..first + n).map(span).collect(), ..ScopeSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] }.encode_to_vec()
}

/// DuckDB and Python's deltalake see every committed row, and the types that the docs promise, beside a server that goes on committing.
#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_deltalake_read_while_the_server_runs() {
    if service("lake.sh", &["install", "duckdb"]).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data, None);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let uri = data.join("default/spans").display().to_string();

    let mut n_sent = 0;
    for round in 0..3 {
        for _ in 0..4 {
            let response = client.post(&url).header("content-type", "application/x-protobuf").body(body(1 + n_sent, 250)).send().await.unwrap();
            assert!(response.status().is_success());
            n_sent += 250;
        }
        wait_until_committed(&server, n_sent).await;
        for reader in ["duckdb", "deltalake"] {
            let said = service("lake.sh", &["duckdb", "lake_read.py", reader, &uri]).unwrap();
            assert!(said.contains(&format!("ROWS={n_sent} ")), "round {round}, {reader}: {said}");
        }
    }
    let query = format!(
        "select count(distinct span_id) as n, min(start_time)::varchar as first, typeof(any_value(start_time)) as type from delta_scan('{uri}')"
    );
    let said = service("lake.sh", &["duckdb", "lake_read.py", "sql", &query]).unwrap();
    let row: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(row["n"], 3_000);
    assert_eq!(row["type"], "TIMESTAMP WITH TIME ZONE");
    server.stop();
}

/// Asks the server until it holds nothing that is not in a file.
async fn wait_until_committed(server: &Server, n_rows: u64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..600 {
        let status: serde_json::Value = client.get(format!("http://{}/api/v1/status", server.http)).send().await.unwrap().json().await.unwrap();
        let committed = status["store"]["tables"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|table| table["table"] == "spans")
            .map(|table| (table["rows"].as_u64(), table["held_rows"].as_u64()));
        if committed == Some((Some(n_rows), Some(0))) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{n_rows} rows were not committed within a minute");
}
