//! The views over spans that a test knows.

use schema::{Micros, NanoUsd, Repricing, Span};

use crate::fixture::{DAY, Fixture, HOUR, NOON, SECOND, call, span, span_id, trace};

fn child(of: u8, span: Span) -> Span {
    Span { parent_span_id: Some(span_id(of)), ..span }
}

/// A trace of a root, a retrieval, a call that asks for a tool, the tool, and a call that answers.
fn agent_trace(t: u8, offset: i64) -> Vec<Span> {
    let at = |n: u8| offset + i64::from(n) * SECOND;
    let root = Span {
        name: "ask".to_owned(),
        operation: Some("invoke_agent".to_owned()),
        duration_ns: 9_000_000_000,
        session_id: Some("s1".to_owned()),
        user_id: Some("ann".to_owned()),
        environment: Some("test".to_owned()),
        ..span(t, 1, at(0))
    };
    let retrieval = Span {
        operation: Some("retrieval".to_owned()),
        documents: Some(r#"[{"id":"a"},{"id":"b"}]"#.to_owned()),
        input_text: Some("refunds?".to_owned()),
        ..child(1, span(t, 2, at(1)))
    };
    let asks = Span {
        output_messages: Some(r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"lookup","arguments":{"q":1}}]}]"#.to_owned()),
        response_model: Some("claude".to_owned()),
        ..child(1, call(t, 3, at(2)))
    };
    let tool = Span {
        operation: Some("execute_tool".to_owned()),
        tool_name: Some("lookup".to_owned()),
        tool_result: Some("42".to_owned()),
        status: "error".to_owned(),
        error_type: Some("timeout".to_owned()),
        ..child(1, span(t, 4, at(3)))
    };
    let answers = child(1, call(t, 5, at(4)));
    vec![root, retrieval, asks, tool, answers]
}

#[tokio::test]
async fn a_trace_is_one_row_with_its_sums() {
    let fixture = Fixture::open().await;
    fixture.add(&agent_trace(1, 0)).await;
    let found = fixture
        .rows(
            "select root_span_id, root_name, service_name, environment, status, n_spans, n_llm_calls, n_tool_calls, n_errors, input_tokens, output_tokens, \
             cost_nanousd, models, session_id, user_id, duration_ns, input_text, output_text, start_time, end_time, date from traces",
        )
        .await;
    assert_eq!(
        found,
        ["0101010101010101|ask|bot|test|error|5|2|1|1|200|20|2000000|claude,gpt-5|s1|ann|9000000000|question 3|answer 5|\
          2026-11-21T12:00:00Z|2026-11-21T12:00:09Z|2026-11-21"]
    );
}

#[tokio::test]
async fn a_call_has_its_tools_its_documents_and_its_model() {
    let fixture = Fixture::open().await;
    fixture.add(&agent_trace(1, 0)).await;
    fixture.add(&[call(2, 9, -SECOND)]).await;
    let found = fixture.rows("select span_id, model, tool_calls, documents from llm_calls order by start_time").await;
    assert_eq!(
        found,
        [
            "0909090909090909|gpt-5|null|null",
            r#"0303030303030303|claude|[{"arguments":{"q":1},"id":"c1","name":"lookup"}]|[{"id":"a"},{"id":"b"}]"#,
            r#"0505050505050505|gpt-5|null|[{"id":"a"},{"id":"b"}]"#,
        ]
    );
}

#[tokio::test]
async fn tools_retrievals_and_sessions_are_found() {
    let fixture = Fixture::open().await;
    fixture.add(&agent_trace(1, 0)).await;
    fixture.add(&agent_trace(2, HOUR)).await;
    assert_eq!(fixture.rows("select trace_id, tool_name, tool_result, status, error_type from tool_calls order by 1").await.len(), 2);
    assert_eq!(fixture.rows("select query, n_documents from retrievals where trace_id = repeat('01', 16)").await, ["refunds?|2"]);
    assert_eq!(
        fixture.rows("select session_id, user_id, n_traces, n_llm_calls, n_errors, input_tokens, cost_nanousd, service_name from sessions").await,
        ["s1|ann|2|4|2|400|4000000|bot"]
    );
}

/// The views count a span once, as it was sent last, whether its rows lie in one file, in two, or in none.
#[tokio::test]
async fn a_span_that_is_sent_again_counts_once() {
    let fixture = Fixture::open().await;
    let early = call(1, 1, 0);
    let late = Span { ingested_at: Micros(early.ingested_at.0 + 1), output_tokens: Some(77), ..early.clone() };
    let other = call(1, 2, SECOND);
    fixture.add_file(&[early.clone(), other.clone()]).await;
    fixture.add_file(std::slice::from_ref(&late)).await;
    fixture.add(&[other]).await;
    assert_eq!(fixture.rows("select count(*) from spans").await, ["4"]);
    let calls = "select span_id, output_tokens from llm_calls order by span_id";
    assert_eq!(fixture.rows(calls).await, ["0101010101010101|77", "0202020202020202|10"]);
    assert_eq!(fixture.rows("select n_spans, n_llm_calls, output_tokens from traces").await, ["2|2|87"]);
    assert_eq!(fixture.rows("select sum(output_tokens) from costs where trace_id = repeat('01', 16)").await, ["87"]);
    // A filter that only the earlier row meets must not bring it back.
    assert_eq!(fixture.rows("select count(*) from llm_calls where output_tokens = 10 and span_id = repeat('01', 8)").await, ["0"]);
}

#[tokio::test]
async fn a_later_price_wins() {
    let fixture = Fixture::open().await;
    fixture.add(&[call(1, 1, 0), call(1, 2, SECOND)]).await;
    let price = |nanos, at: i64| Repricing {
        time: Micros(NOON.0 + at),
        date: NOON.day(),
        trace_id: trace(1),
        span_id: span_id(1),
        cost_nanousd: Some(NanoUsd(nanos)),
        price_version: "2026-11-21".to_owned(),
    };
    fixture.add(&[price(5_000_000, 2 * DAY), price(9, DAY)]).await;
    let found = fixture.rows("select span_id, cost_nanousd, cost_usd, cost_source, model from costs order by span_id").await;
    assert_eq!(found, ["0101010101010101|5000000|0.005|priced|gpt-5", "0202020202020202|1000000|0.001|priced|gpt-5"]);
}

/// Of a call around a call the inner one speaks, and of a call that its SDK and an instrumentation report, the instrumentation's span.
#[tokio::test]
async fn each_call_counts_once() {
    let fixture = Fixture::open().await;
    let told = |dialect: &str, response: Option<&str>, span: Span| Span {
        dialect: Some(dialect.to_owned()),
        response_id: response.map(str::to_owned),
        ..span
    };
    fixture
        .add(&[
            told("gen_ai", None, call(1, 1, 0)),
            told("gen_ai", Some("r1"), child(1, call(1, 2, SECOND))),
            told("sdk", Some("r1"), child(1, call(1, 3, SECOND))),
            told("sdk", Some("r2"), call(1, 4, 2 * SECOND)),
            // A call inside one that embeds, or that names another response, is a call of its own.
            told("gen_ai", Some("r3"), call(2, 5, 0)),
            told("gen_ai", Some("r4"), child(5, call(2, 6, SECOND))),
            Span { operation: Some("embeddings".to_owned()), ..told("gen_ai", None, call(2, 7, 0)) },
            told("gen_ai", None, child(7, call(2, 8, SECOND))),
        ])
        .await;
    let found = fixture.rows("select span_id from llm_calls order by span_id").await;
    let found: Vec<_> = found.iter().map(|id| &id[..2]).collect();
    assert_eq!(found, ["02", "04", "05", "06", "07", "08"]);
}

/// A trace without its root is still a trace, and its earliest span stands for it.
#[tokio::test]
async fn a_trace_without_a_root_has_one() {
    let fixture = Fixture::open().await;
    let spans = agent_trace(1, 0).split_off(1);
    fixture.add(&spans).await;
    assert_eq!(fixture.rows("select root_span_id, n_spans, input_text, status from traces").await, ["0202020202020202|4|refunds?|error"]);
}

/// A trace that begins before the range and goes on in it began before the range: its later spans must not make it young.
#[tokio::test]
async fn a_range_does_not_cut_a_trace() {
    let fixture = Fixture::open().await;
    fixture.add_file(&[call(1, 1, -2 * HOUR)]).await;
    fixture.add_file(&[child(1, call(1, 2, HOUR)), call(2, 3, HOUR)]).await;
    let since_noon = "select trace_id, n_spans from traces where start_time >= timestamp '2026-11-21T12:00:00Z'";
    assert_eq!(fixture.rows(since_noon).await, ["02020202020202020202020202020202|1"]);
    let before_noon = "select n_spans, input_tokens from traces where start_time < timestamp '2026-11-21T12:00:00Z'";
    assert_eq!(fixture.rows(before_noon).await, ["2|200"]);
}

#[tokio::test]
async fn a_tenant_sees_its_own_rows_alone() {
    let fixture = Fixture::open().await;
    fixture.add(&[call(1, 1, 0)]).await;
    let other = schema::Tenant::new("other").unwrap();
    fixture.store.append(&other, &[call(2, 2, 0)], NOON).await.unwrap();
    let count = |tenant| {
        let store = fixture.store.clone();
        async move {
            let answer = store.query(&tenant, "select trace_id from llm_calls", &store::QueryOptions::default()).await.unwrap();
            answer.rows::<(schema::TraceId,)>().unwrap()
        }
    };
    assert_eq!(count(fixture.tenant.clone()).await, [(trace(1),)]);
    assert_eq!(count(other).await, [(trace(2),)]);
    assert_eq!(count(schema::Tenant::new("nobody").unwrap()).await, []);
    assert!(fixture.error("select * from other.spans").await.contains("no table"));
}
