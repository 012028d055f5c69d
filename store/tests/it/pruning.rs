//! Files that cannot hold an answer are not opened.

use schema::Span;

use crate::fixture::{DAY, Fixture, HOUR, SECOND, call, text_rows};

/// Four files on three days; the last day has two, each with other traces and another hour.
async fn four_files() -> Fixture {
    let fixture = Fixture::open().await;
    for (t, offset) in [(1, -2 * DAY), (2, -DAY), (3, 0), (4, 3 * HOUR)] {
        let mine = |n: u8| Span { session_id: Some(format!("s{t}")), ..call(t, t * 10 + n, offset + i64::from(n) * SECOND) };
        fixture.add_file(&[mine(1), mine(2), mine(3)]).await;
    }
    fixture
}

/// Counts the files that the plan of a query names.
async fn files_of(fixture: &Fixture, sql: &str) -> usize {
    let answer = fixture.ask(&format!("explain verbose {sql}")).await.unwrap();
    let rows = text_rows(&answer);
    let plan = rows.iter().rev().find(|row| row[0] == "physical_plan").unwrap_or_else(|| panic!("{sql} has no plan:\n{rows:?}"));
    plan[1].matches(".parquet").count()
}

#[tokio::test]
async fn a_filter_opens_only_the_files_that_it_must() {
    let fixture = four_files().await;
    for (filter, files) in [
        ("true", 4),
        ("start_time >= timestamp '2026-11-21T13:00:00Z'", 1),
        ("start_time >= '2026-11-21T13:00:00Z'", 1),
        ("start_time > now() - interval '25 hours' and start_time < now() - interval '1 hour'", 1),
        ("start_unix_nano < 1795176000000000000", 1),
        ("date = '2026-11-20'", 1),
        ("ingested_at >= timestamp '2026-11-21T13:00:00Z'", 1),
        ("date >= date '2026-11-20' and start_time < '2026-11-21T13:00:00Z'", 2),
        ("date = '2026-11-19' or start_time >= '2026-11-21T13:00:00Z'", 2),
        ("trace_id = '03030303030303030303030303030303'", 1),
        ("trace_id in ('01010101010101010101010101010101', '04040404040404040404040404040404')", 2),
        ("trace_id = '03030303030303030303030303030303' and date = '2026-11-19'", 0),
        ("trace_id = 'no such trace'", 0),
        ("input_tokens = 100", 4),
    ] {
        assert_eq!(files_of(&fixture, &format!("select span_id, output_text from spans where {filter}")).await, files, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_reaches_the_files_through_the_views() {
    let fixture = four_files().await;
    for view in ["llm_calls", "costs", "traces"] {
        let one_trace = format!("select * from {view} where trace_id = '03030303030303030303030303030303'");
        let all = files_of(&fixture, &format!("select * from {view}")).await;
        assert_eq!(files_of(&fixture, &one_trace).await * 4, all, "{view}: each scan reads one file of four");
        assert_eq!(fixture.ask(&one_trace).await.unwrap().n_rows(), if view == "traces" { 1 } else { 3 });
    }
    // A range goes down to the spans, and a day wider to what else may speak of the same call or trace.
    for (all, some) in [
        ("select span_id from llm_calls", "select span_id from llm_calls where start_time >= '2026-11-21T13:00:00Z'"),
        ("select n_spans from traces", "select n_spans from traces where start_time >= '2026-11-21T13:00:00Z'"),
        ("select n_traces from sessions", "select n_traces from sessions where start_time >= '2026-11-21T18:00:00Z'"),
        ("select span_id from llm_calls", "select span_id from llm_calls where ingested_at >= '2026-11-21T18:00:00Z'"),
        ("select span_id from llm_calls", "select c.span_id from (select * from llm_calls where date = '2026-11-19') c"),
    ] {
        let (all, some) = (files_of(&fixture, all).await, files_of(&fixture, some).await);
        assert!(some < all, "{some} of {all} files are opened");
    }
}

/// Few queries ask a view for all that it can tell; what they do not ask for must cost nothing.
#[tokio::test]
async fn joins_that_nobody_asks_for_are_left_out() {
    let fixture = four_files().await;
    let scans = |sql: &'static str| async { files_of(&fixture, sql).await / 4 };
    let plain = scans("select span_id, cost_nanousd from llm_calls").await;
    assert!(scans("select count(*) from llm_calls").await <= plain, "counting asks for nothing more");
    assert!(plain < scans("select span_id, documents from llm_calls").await, "only who asks for documents looks for retrievals");
    assert!(plain < scans("select * from llm_calls").await);
    let counts = scans("select trace_id, n_spans, status from traces").await;
    assert!(counts < scans("select trace_id, cost_nanousd from traces").await, "only who asks for costs looks at calls");
}

#[tokio::test]
async fn held_rows_and_files_are_one_table() {
    let fixture = four_files().await;
    fixture.add(&[call(5, 1, 4 * HOUR)]).await;
    assert_eq!(
        fixture.rows("select count(*), min(trace_id), max(trace_id) from spans").await,
        ["13|01010101010101010101010101010101|05050505050505050505050505050505"]
    );
    assert_eq!(
        fixture.rows("select trace_id from spans order by start_time desc limit 2").await,
        ["05050505050505050505050505050505", "04040404040404040404040404040404"]
    );
    assert_eq!(fixture.rows("select count(*) from spans where session_id = 's3' and date = '2026-11-21'").await, ["3"]);
    assert_eq!(fixture.rows("select date, count(*) from spans group by date order by date").await, ["2026-11-19|3", "2026-11-20|3", "2026-11-21|7"]);
}
