//! The trace page and the trace API: order, counting once, content, and traces in which nothing fits.

use axum::http::StatusCode;
use schema::{NanoUsd, Row, Score, Span, SpanId, TraceId};

use crate::harness::{Dashboard, all_between, cut};
use crate::support::{NOW, hostile, sample};

fn path(trace: TraceId) -> String {
    format!("/traces/{trace}")
}

async fn with_sample() -> (Dashboard, sample::Sample) {
    let dashboard = Dashboard::open().await;
    let sample = sample::traffic(NOW, 1, 40, 5);
    dashboard.append(&sample.spans).await;
    dashboard.append(&sample.scores).await;
    (dashboard, sample)
}

fn agent_spans(sample: &sample::Sample) -> Vec<Span> {
    let root = sample.spans.iter().find(|span| span.agent_name.as_deref() == Some("order-agent")).unwrap();
    sample.spans.iter().filter(|span| span.trace_id == root.trace_id).cloned().collect()
}

/// The agent's own span repeats the tokens of the calls inside of it; the page counts them once.
#[tokio::test]
async fn tokens_and_cost_are_counted_once() {
    let (dashboard, sample) = with_sample().await;
    let spans = agent_spans(&sample);
    let trace = dashboard.get(&format!("/api/v1{}", path(spans[0].trace_id))).await.json();
    let calls: Vec<&Span> = spans.iter().filter(|span| span.is_llm_call).collect();
    let cost: i64 = calls.iter().filter_map(|span| span.cost_nanousd).map(|NanoUsd(cost)| cost).sum();
    assert_eq!(trace["usage"], serde_json::json!({"n_calls": 2, "input_tokens": 2_570, "output_tokens": 220, "cost_nanousd": cost}));

    let page = dashboard.page(&path(spans[0].trace_id)).await;
    assert!(page.contains("title=\"2,570 in, 220 out, each call counted once\""));
    assert!(page.contains("repeat those of the calls inside of it"), "the root is chosen, and says so");
}

#[tokio::test]
async fn the_tree_is_in_order_and_the_conversation_has_roles() {
    let (dashboard, sample) = with_sample().await;
    let spans = agent_spans(&sample);
    let last = spans.last().unwrap();
    let page = dashboard.page(&format!("{}?span={}", path(last.trace_id), last.span_id)).await;
    assert_eq!(
        all_between(&page, "<span class=\"name\">", "<"),
        ["invoke_agent order-agent", "chat claude-sonnet-4-5", "execute_tool lookup_order", "GET /orders/{id}", "chat claude-sonnet-4-5"]
    );
    assert_eq!(all_between(&page, "aria-level=\"", "\""), ["1", "2", "2", "3", "2"]);
    assert_eq!(all_between(&page, "<div class=\"role\"><span>", "<"), ["system", "user", "assistant", "tool", "assistant"]);
    insta::assert_snapshot!("panel_of_a_call", without_ids(cut(&page, "<article class=\"panel\"", "</article>")));
}

#[tokio::test]
async fn a_retrieval_shows_its_documents_and_a_tool_its_result() {
    let (dashboard, sample) = with_sample().await;
    let retrieval = sample.spans.iter().find(|span| span.operation.as_deref() == Some("retrieval")).unwrap();
    let page = dashboard.page(&format!("{}/spans/{}", path(retrieval.trace_id), retrieval.span_id)).await;
    insta::assert_snapshot!("documents", cut(&page, "<ol class=\"documents\">", "</ol>"));
    let tool = agent_spans(&sample).into_iter().find(|span| span.tool_name.is_some()).unwrap();
    let page = dashboard.page(&format!("{}/spans/{}", path(tool.trace_id), tool.span_id)).await;
    assert!(page.contains("<h4>Arguments</h4>") && page.contains("&#34;order_id&#34;: &#34;84-") && page.contains("<h4>Result</h4>"), "{page}");
}

#[tokio::test]
async fn the_tree_for_the_script_is_the_tree_of_the_page() {
    let (dashboard, sample) = with_sample().await;
    let trace = agent_spans(&sample)[0].trace_id;
    let tree = dashboard.get(&format!("/api/v1{}/tree", path(trace))).await.json();
    let column = |name: &str| tree["columns"].as_array().unwrap().iter().position(|column| column == name).unwrap();
    let rows = tree["rows"].as_array().unwrap();
    let names: Vec<&str> =
        rows.iter().map(|row| tree["names"][usize::try_from(row[column("name")].as_u64().unwrap()).unwrap()].as_str().unwrap()).collect();
    let page = dashboard.page(&path(trace)).await;
    assert_eq!(names, all_between(&page, "<span class=\"name\">", "<"));
    assert_eq!(rows.iter().map(|row| row[column("n_below")].as_u64().unwrap()).collect::<Vec<_>>(), [4, 0, 1, 0, 0]);
    assert_eq!(rows[1][column("tokens")], 1_240);
    assert!(rows[0][column("tokens")].is_null());
}

#[tokio::test]
async fn everything_about_a_span_comes_as_json() {
    let (dashboard, sample) = with_sample().await;
    let call = agent_spans(&sample).pop().unwrap();
    let json = dashboard.get(&format!("/api/v1{}/spans/{}", path(call.trace_id), call.span_id)).await.json();
    assert_eq!(json["input_messages"][0]["parts"][0]["type"], "text");
    assert_eq!(json["attributes"]["http.route"], "/v1/answer");
    assert_eq!(json["start_unix_nano"], call.start_unix_nano);
    // every column that has a value, and none that has not
    for column in Span::columns() {
        let known = ["start_time", "ingested_at", "date"].contains(&column.name);
        assert!(known || json.get(column.name).is_none_or(|value| !value.is_null()), "{}", column.name);
    }
    assert!(json.get("tool_result").is_none());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let dashboard = Dashboard::open().await;
    for path in ["/traces/0123456789abcdef0123456789abcdef", "/traces/short", "/traces/0123456789abcdef0123456789abcdef/spans/0123456789abcdef"] {
        assert_eq!(dashboard.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(dashboard.get(&format!("/api/v1{path}")).await.problem(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(dashboard.get("/api/v1/traces/0123456789abcdef0123456789abcdef/tree").await.problem().0, 404);
}

/// Orphans, circles, doubles, early clocks: every span stands in the tree once, and the odd ones say why.
#[tokio::test]
async fn a_tangled_trace_renders_whole() {
    let dashboard = Dashboard::open().await;
    dashboard.append(&hostile::tangled(NOW)).await;
    let page = dashboard.page(&path(hostile::TANGLED)).await;
    let names = all_between(&page, "<span class=\"name\">", "<");
    assert_eq!(
        names,
        [
            "root",
            "child with an early clock",
            "child that came before its parent",
            "(no name)",
            "orphan",
            "child of the orphan",
            "own parent",
            "circle a",
            "circle b"
        ]
    );
    let notes = all_between(&page, "<p class=\"note\">", "<");
    assert_eq!(
        notes,
        [
            "The parent of 1 span did not arrive.",
            "Parents form 2 circles, cut open here.",
            "Clocks disagree: 1 span began before the parent.",
            "1 span arrived again; the latest is shown."
        ]
    );
    let mut lone = hostile::tangled(NOW);
    lone.retain(|span| span.name.starts_with("circle"));
    lone.iter_mut().for_each(|span| span.trace_id = TraceId([5; 16]));
    dashboard.append(&lone).await;
    assert!(dashboard.page(&path(TraceId([5; 16]))).await.contains("circle b"));
}

#[tokio::test]
async fn times_at_the_ends_of_what_fits_render() {
    let dashboard = Dashboard::open().await;
    let make = |n: u8, start_unix_nano: i64, duration_ns: i64| Span {
        trace_id: TraceId([6; 16]),
        span_id: SpanId([n; 8]),
        parent_span_id: (n > 1).then_some(SpanId([1; 8])),
        start_time: schema::Micros::from_nanos(start_unix_nano),
        start_unix_nano,
        duration_ns,
        ingested_at: NOW,
        date: NOW.day(),
        name: format!("span {n}"),
        ..Span::default()
    };
    dashboard.append(&[make(1, 0, 0), make(2, i64::MAX, i64::MAX), make(3, NOW.0 * 1_000, -5)]).await;
    let page = dashboard.page(&path(TraceId([6; 16]))).await;
    assert_eq!(all_between(&page, "<span class=\"name\">", "<").len(), 3);
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

/// A trace of 10,000 spans: the page holds the head of the tree, the script gets the rest in one small document, and
/// without scripts links lead on.
#[tokio::test]
async fn a_long_trace_opens() {
    let dashboard = Dashboard::open().await;
    let id = TraceId([9; 16]);
    dashboard.append(&sample::long_trace(id, NOW, 10_000)).await;
    let page = dashboard.page(&path(id)).await;
    assert_eq!(all_between(&page, "role=\"treeitem\"", ">").len(), 300);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert!(page.contains("Spans 1 to 300 of 10000"));
    let later = dashboard.page(&format!("{}?first=9900", path(id))).await;
    assert_eq!(all_between(&later, "role=\"treeitem\"", ">").len(), 100);
    let tree = dashboard.get(&format!("/api/v1{}/tree", path(id))).await;
    assert_eq!(tree.json()["rows"].as_array().unwrap().len(), 10_000);
    assert!(tree.body.len() < 1_500_000, "{} bytes", tree.body.len());
}

#[tokio::test]
async fn scores_stand_beside_what_they_judge() {
    let dashboard = Dashboard::open().await;
    let mut spans = hostile::tangled(NOW);
    spans.truncate(3);
    let score = |id: &str, span_id, outcome: &str, value, passed, reason: &str| Score {
        id: id.to_owned(),
        time: NOW,
        date: NOW.day(),
        target_time: spans[0].start_time,
        evaluator: format!("check {id}"),
        trace_id: Some(hostile::TANGLED),
        span_id,
        outcome: outcome.to_owned(),
        value,
        passed,
        reason: Some(reason.to_owned()),
        source: "check".to_owned(),
        ..Score::default()
    };
    let root = Some(SpanId([1; 8]));
    dashboard.append(&spans).await;
    let scores = [
        score("a", root, "value", Some(0.25), Some(false), "misses [2]"),
        score("b", None, "not_applicable", None, None, "nothing to judge"),
        score("c", Some(SpanId([2; 8])), "value", Some(1.0), Some(true), "fine"),
    ];
    dashboard.append(&scores).await;
    // the same verdicts again, as a replay would give them
    dashboard.append(&scores).await;
    let page = dashboard.page(&format!("{}?span=0101010101010101", path(hostile::TANGLED))).await;
    insta::assert_snapshot!("scores", cut(&page, "<ul class=\"scores\">", "</ul>"));
    let list = dashboard.page("/traces?range=1h").await;
    assert!(list.contains("title=\"check a: 0.25 over 1 scored, 1 did not pass\""), "{list}");
}

fn without_ids(text: &str) -> String {
    let mut text = text.to_owned();
    for (from, to) in [
        ("/api/v1/traces/", "\""),
        ("<code>", "</code>"),
        ("span_id&#34;: &#34;", "&#34;"),
        ("trace_id&#34;: &#34;", "&#34;"),
        ("response_id&#34;: &#34;", "&#34;"),
    ] {
        for id in all_between(&text.clone(), from, to) {
            text = text.replace(id, "ID");
        }
    }
    text
}
