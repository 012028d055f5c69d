//! The HTTP API: SQL in every format, its bounds and errors, and the document that describes it.

use std::collections::BTreeSet;

use arrow::ipc::reader::StreamReader;
use serde_json::{Value, json};

use crate::harness::Dashboard;
use crate::support::{NOW, hostile};

async fn with_spans() -> Dashboard {
    let dashboard = Dashboard::open().await;
    dashboard.append(&hostile::tangled(NOW)).await;
    dashboard
}

#[tokio::test]
async fn sql_answers_in_json() {
    let dashboard = with_spans().await;
    let sql = "select span_id, start_unix_nano, start_time, date, 1.5 as x, true as yes, null as nothing, name from spans where name = $name";
    let answer = dashboard.sql(&json!({"sql": sql, "params": {"name": "orphan"}})).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["columns"][0], json!({"name": "span_id", "type": "text"}));
    assert_eq!(body["columns"][1]["type"], "bigint");
    assert_eq!(body["columns"][2]["type"], "timestamp");
    // a nanosecond keeps all of its digits
    let start = (NOW.0 - 700_000_000 + 2_000) * 1_000;
    assert_eq!(body["rows"], json!([["0404040404040404", start, "2026-11-20T14:48:20.002Z", "2026-11-20", 1.5, true, null, "orphan"]]));
    assert_eq!((&body["truncated"], body["elapsed_ms"].is_u64()), (&json!(false), true));
    let join = "select child.name, parent.name from spans child join spans parent on child.parent_span_id = parent.span_id where child.name = 'child of the orphan'";
    assert_eq!(
        dashboard.sql(&json!({"sql": join})).await.json()["rows"],
        json!([["child of the orphan", "orphan"]]),
        "two columns may have one name"
    );
}

#[tokio::test]
async fn sql_takes_parameters_of_every_type() {
    let dashboard = with_spans().await;
    let body = dashboard.sql(&json!({"sql": "select $a as a, $b as b, $c as c, $d as d, $e as e", "params": {"a": "x' or 1=1 --", "b": -7, "c": 0.5, "d": false, "e": null}})).await.json();
    assert_eq!(body["rows"], json!([["x' or 1=1 --", -7, 0.5, false, null]]), "{body}");
}

#[tokio::test]
async fn sql_answers_in_the_format_that_is_asked_for() {
    let dashboard = with_spans().await;
    let sql = "select name, duration_ns from spans where name like 'circle%' order by name";
    let csv = "name,duration_ns\ncircle a,50000000\ncircle b,50000000\n";
    let asked = json!({"sql": sql});
    let by_accept = dashboard.post("/api/v1/sql", &[("content-type", "application/json"), ("accept", "text/csv")], asked.to_string()).await;
    assert_eq!((by_accept.header("content-type"), by_accept.text().as_str()), ("text/csv; charset=utf-8", csv));
    let by_query = dashboard.post("/api/v1/sql?format=csv", &[("content-type", "application/json")], asked.to_string()).await;
    assert_eq!(by_query.text(), csv);
    assert_eq!(dashboard.sql(&json!({"sql": sql, "format": "csv"})).await.text(), csv);

    let lines = dashboard.sql(&json!({"sql": sql, "format": "jsonl"})).await.text();
    assert_eq!(lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone()).collect::<Vec<_>>(), ["circle a", "circle b"]);

    let stream = dashboard
        .post("/api/v1/sql", &[("content-type", "application/json"), ("accept", "application/vnd.apache.arrow.stream")], asked.to_string())
        .await;
    assert_eq!((stream.header("content-type"), stream.header("x-karat-rows")), ("application/vnd.apache.arrow.stream", "2"));
    let batches: Vec<_> = StreamReader::try_new(stream.body.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    assert_eq!(batches[0].schema().field(1).name(), "duration_ns");

    assert!(dashboard.sql(&json!({"sql": sql, "format": "parquet"})).await.body.starts_with(b"PAR1"));
}

#[tokio::test]
async fn rows_are_cut_and_the_answer_says_so() {
    let dashboard = with_spans().await;
    let answer = dashboard.sql(&json!({"sql": "select name from spans order by name", "max_rows": 3})).await;
    assert_eq!((answer.json()["rows"].as_array().unwrap().len(), answer.json()["truncated"].as_bool()), (3, Some(true)));
    assert_eq!((answer.header("x-karat-rows"), answer.header("x-karat-truncated")), ("3", "true"));
    let csv = dashboard.sql(&json!({"sql": "select name from spans order by name", "max_rows": 3, "format": "csv"})).await;
    assert_eq!((csv.text().lines().count(), csv.header("x-karat-truncated")), (4, "true"));
    let none = dashboard.sql(&json!({"sql": "select name from spans where false"})).await.json();
    assert_eq!((&none["rows"], &none["columns"][0]["name"]), (&json!([]), &json!("name")));
}

#[tokio::test]
async fn mistakes_are_the_callers_and_are_pointed_at() {
    let dashboard = with_spans().await;
    for sql in [
        "selec 1",
        "select nam from spans",
        "select * from nowhere",
        "select 1; select 2",
        "",
        "   ",
        "insert into spans select * from spans",
        "create table t as select 1",
        "drop table spans",
        "copy spans to '/tmp/x'",
        "select * from '/etc/passwd'",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "select $missing",
    ] {
        let answer = dashboard.sql(&json!({"sql": sql})).await;
        assert_eq!(answer.problem(), (400, "input".to_owned()), "{sql}: {}", answer.text());
    }
    let near = dashboard.sql(&json!({"sql": "select nam from spans"})).await.json();
    assert!(near["error"]["message"].as_str().unwrap().contains("nam"), "{near}");

    for body in [
        "",
        "{",
        "[]",
        r#"{"sql":1}"#,
        r#"{"sql":"select 1","x":1}"#,
        r#"{"sql":"select $a","params":{"a":[1]}}"#,
        r#"{"sql":"select 1","format":"xlsx"}"#,
        r#"{"sql":"select 1","max_rows":-1}"#,
    ] {
        let answer = dashboard.post("/api/v1/sql", &[("content-type", "application/json")], body).await;
        assert_eq!(answer.problem(), (400, "input".to_owned()), "{body}");
    }
    let deep = "[".repeat(200_000);
    assert_eq!(dashboard.post("/api/v1/sql", &[("content-type", "application/json")], format!(r#"{{"sql":{deep}"#)).await.problem().0, 400);
}

#[tokio::test]
async fn a_query_that_runs_for_ever_is_ended() {
    let dashboard = with_spans().await;
    let sql = "select count(*) from generate_series(1, 100000000) a, generate_series(1, 100000000) b";
    let answer = dashboard.sql(&json!({"sql": sql, "timeout_ms": 150})).await;
    let problem = answer.problem();
    // a store that knows no such function refuses at once, which is an end too
    if problem.0 == 408 {
        assert_eq!(problem.1, "deadline");
    } else {
        let join = "select count(*) from spans a, spans b, spans c, spans d, spans e, spans f, spans g, spans h, spans i, spans j where a.name || b.name || c.name || d.name || e.name || f.name || g.name || h.name || i.name = j.name";
        assert_eq!(dashboard.sql(&json!({"sql": join, "timeout_ms": 150})).await.problem(), (408, "deadline".to_owned()));
    }
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let dashboard = with_spans().await;
    let answer = dashboard.sql(&json!({"sql": format!("select '{}'", "x".repeat(2_000_000))})).await;
    assert_eq!(answer.problem(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn the_schema_names_every_table_and_view() {
    let dashboard = Dashboard::open().await;
    let schema = dashboard.get("/api/v1/schema").await.json();
    let names: BTreeSet<&str> = schema["relations"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in ["spans", "logs", "scores", "alerts", "llm_calls", "traces", "sessions", "tool_calls", "retrievals", "costs", "psi"] {
        assert!(names.contains(name), "{name}");
    }
    let page = dashboard.page("/sql").await;
    assert!(page.contains("data-insert=\"cost_nanousd\"") && page.contains("psi"));
}

/// Every query that the SQL page offers must run.
#[tokio::test]
async fn the_examples_run() {
    let dashboard = with_spans().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries/examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let answer = dashboard.sql(&json!({"sql": std::fs::read_to_string(&path).unwrap()})).await;
        assert_eq!(answer.status.as_u16(), 200, "{}: {}", path.display(), answer.text());
    }
}

#[tokio::test]
async fn the_status_tells_version_and_tenant() {
    let dashboard = with_spans().await;
    let status = dashboard.get("/api/v1/status").await.json();
    assert_eq!((&status["tenant"], &status["now_us"]), (&json!("default"), &json!(NOW.0)));
    assert!(status["store"]["wal_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{status}");
}

/// The document is written by hand: it must name the routes of `router.rs` and those that the server has beside them, and no others.
#[tokio::test]
async fn the_document_describes_the_routes() {
    let dashboard = Dashboard::open().await;
    let document = dashboard.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let sources = ["src/router.rs", "../src/ready.rs", "../src/runs.rs"]
        .map(|file| std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let routes: BTreeSet<(String, String)> = sources
        .iter()
        .flat_map(|source| source.split(".route(\"").skip(1))
        .filter_map(|route| route.split_once("\", "))
        .filter(|(path, _)| path.starts_with("/api/") || ["/healthz", "/health", "/ready", "/metrics"].contains(path))
        .map(|(path, rest)| (path.to_owned(), rest.split('(').next().unwrap().to_owned()))
        .collect();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone())))
        .collect();
    assert!(routes.len() > 6);
    assert_eq!(described, routes);
    for reference in references(&document) {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

/// What an answer holds is what the document says it holds.
#[tokio::test]
async fn the_document_describes_the_answers() {
    let dashboard = with_spans().await;
    let document = dashboard.get("/api/v1/openapi.json").await.json();
    let id = hostile::TANGLED;
    let cases = [
        ("SqlAnswer", dashboard.sql(&json!({"sql": "select 1"})).await.json()),
        ("Problem", dashboard.sql(&json!({"sql": ""})).await.json()),
        ("Schema", dashboard.get("/api/v1/schema").await.json()),
        ("Status", dashboard.get("/api/v1/status").await.json()),
        ("Alerts", dashboard.get("/api/v1/alerts").await.json()),
        ("Trace", dashboard.get(&format!("/api/v1/traces/{id}")).await.json()),
        ("Tree", dashboard.get(&format!("/api/v1/traces/{id}/tree")).await.json()),
    ];
    for (name, answer) in cases {
        let described: BTreeSet<&String> = document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().collect();
        assert_eq!(answer.as_object().unwrap().keys().collect::<BTreeSet<_>>(), described, "{name}");
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| if key == "$ref" { vec![value.as_str().unwrap().to_owned()] } else { references(value) }).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
