//! The trace list: filters, paging, and what a row says.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use schema::{LogRecord, Micros, Span, SpanId, TraceId};

use crate::harness::{Dashboard, all_between, cut};
use crate::support::{NOW, sample};

fn span(n: u64, ago_us: i64) -> Span {
    let start = Micros(NOW.0 - ago_us);
    let mut id = [7; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    Span {
        trace_id: TraceId(id),
        span_id: SpanId((n + 1).to_be_bytes()),
        start_time: start,
        start_unix_nano: start.0 * 1_000,
        duration_ns: 5_000_000,
        ingested_at: NOW,
        date: start.day(),
        name: format!("request {n}"),
        kind: "server".to_owned(),
        status: "ok".to_owned(),
        ..Span::default()
    }
}

fn listed(page: &str) -> Vec<String> {
    all_between(page, "class=\"cover\" href=\"/traces/", "\"").into_iter().map(str::to_owned).collect()
}

fn link(page: &str, rel: &str) -> Option<String> {
    let end = page.find(&format!("\" rel=\"{rel}\""))?;
    let start = page[..end].rfind("href=\"")? + 6;
    Some(page[start..end].replace("&#38;", "&").replace("&amp;", "&"))
}

/// Many traces begin at one moment, some pages are walked while new traces land: every one is seen once, both ways.
#[tokio::test]
async fn paging_walks_every_trace_once_in_both_directions() {
    let dashboard = Dashboard::open().await;
    let spans: Vec<Span> = (0..175).map(|n| span(n, 60_000_000 + i64::try_from(n / 40).unwrap() * 1_000_000)).collect();
    dashboard.append(&spans).await;

    let mut seen: Vec<String> = Vec::new();
    let mut page = dashboard.page("/traces?range=1h").await;
    assert_eq!(link(&page, "prev"), None);
    for turn in 0..4 {
        seen.extend(listed(&page));
        dashboard.append(&[span(1_000 + turn, 1_000_000)]).await;
        match link(&page, "next") {
            Some(older) => page = dashboard.page(&older).await,
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (175, 175));
    assert_eq!(link(&page, "next"), None);

    let mut back: Vec<String> = listed(&page).into_iter().rev().collect();
    while let Some(newer) = link(&page, "prev") {
        page = dashboard.page(&newer).await;
        back.extend(listed(&page).into_iter().rev());
    }
    assert_eq!(back.len(), 179, "the four that landed meanwhile are there now");
    assert_eq!(back.iter().rev().skip(4).cloned().collect::<Vec<_>>(), seen);
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let dashboard = Dashboard::open().await;
    let make = |n: u64, service: &str, model: &str, status: &str, session: &str, input: &str, output: &str| Span {
        service_name: Some(service.to_owned()),
        response_model: Some(model.to_owned()),
        is_llm_call: true,
        operation: Some("chat".to_owned()),
        status: status.to_owned(),
        session_id: Some(session.to_owned()),
        input_text: Some(input.to_owned()),
        output_text: Some(output.to_owned()),
        ..span(n, 120_000_000)
    };
    dashboard
        .append(&[
            make(1, "shop", "gpt-4o", "ok", "s1", "How much is 50% of 80?", "40"),
            make(2, "shop", "gpt-4o-mini", "error", "s2", "50 percent", "unter_strich"),
            make(3, "bot & co", "claude", "ok", "s1", "ÄRGER mit C:\\temp", "\"quoted\" <b>text</b>"),
        ])
        .await;
    let found = async |query: &'static str| {
        let page = dashboard.page(&format!("/traces?range=1h&{query}")).await;
        all_between(&page, "\">request ", "<").into_iter().map(|n| n.parse::<u64>().unwrap()).collect::<BTreeSet<_>>()
    };
    for (query, expect) in [
        ("", vec![1, 2, 3]),
        ("service=shop", vec![1, 2]),
        ("service=bot+%26+co", vec![3]),
        ("model=gpt-4o", vec![1]),
        ("status=error", vec![2]),
        ("status=ok", vec![1, 3]),
        ("session=s1", vec![1, 3]),
        ("session=s1&service=shop&status=ok&model=gpt-4o&q=much", vec![1]),
        ("q=HOW+MUCH", vec![1]),
        // what `like` takes for wildcards is plain text
        ("q=50%25", vec![1]),
        ("q=%25", vec![1]),
        ("q=_", vec![2]),
        ("q=C%3A%5Ctemp", vec![3]),
        ("q=%5C", vec![3]),
        ("q=%C3%A4rger", vec![3]),
        ("q=%27", vec![]),
        ("q=%22quoted%22", vec![3]),
        ("q=nowhere", vec![]),
        ("service=&model=&status=&q=&session=", vec![1, 2, 3]),
    ] {
        assert_eq!(found(query).await, expect.into_iter().collect(), "{query}");
    }
}

/// Some instrumentations send content in log records alone.
#[tokio::test]
async fn text_in_log_records_is_found() {
    let dashboard = Dashboard::open().await;
    let call = span(1, 120_000_000);
    let record = LogRecord {
        time: call.start_time,
        time_unix_nano: call.start_unix_nano,
        ingested_at: NOW,
        date: call.date,
        trace_id: Some(call.trace_id),
        span_id: Some(call.span_id),
        input_messages: Some(r#"[{"role":"user","parts":[{"type":"text","content":"where is the zebra?"}]}]"#.to_owned()),
        ..LogRecord::default()
    };
    dashboard.append(&[call, span(2, 120_000_000)]).await;
    dashboard.append(&[record]).await;
    assert_eq!(listed(&dashboard.page("/traces?range=1h&q=Zebra").await).len(), 1);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused() {
    let dashboard = Dashboard::open().await;
    for query in ["range=2y", "status=broken", "older=nonsense", "from=yesterday", "from=2026-11-20&to=2026-11-19", "q=a&q=b", "newer=1.zz"] {
        let answer = dashboard.get(&format!("/traces?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text().contains("class=\"problem\""), "{query}");
    }
}

#[tokio::test]
async fn a_row_and_the_strip_say_what_happened() {
    let dashboard = Dashboard::open().await;
    let mut sample = sample::traffic(NOW, 1, 60, 3);
    sample.alerts.clear();
    for spans in sample.spans.chunks(1_000) {
        dashboard.append(spans).await;
    }
    dashboard.append(&sample.scores).await;
    let page = dashboard.page("/traces?range=24h&status=ok&service=support-bot").await;
    insta::assert_snapshot!("trace_row", cut(&page, "<tr>\n      <td class=\"when\">", "</tr>"));

    let whole = dashboard.page("/traces?range=24h").await;
    let n_traces = sample.spans.iter().map(|span| span.trace_id).collect::<BTreeSet<_>>().len();
    assert_eq!(cut(&whole, "<p class=\"found\"><b>", "</b>"), format!("<p class=\"found\"><b>{n_traces}</b>"));
    let bands: Vec<u64> = all_between(&whole, "\nok: ", "\n").into_iter().filter_map(|n| n.parse().ok()).collect();
    let errors: Vec<u64> = all_between(&whole, "\nerror: ", "<").into_iter().filter_map(|n| n.parse().ok()).collect();
    assert_eq!(bands.iter().sum::<u64>() + errors.iter().sum::<u64>(), u64::try_from(n_traces).unwrap());
}

#[tokio::test]
async fn an_empty_server_tells_how_to_begin() {
    let dashboard = Dashboard::open().await;
    for path in ["/", "/traces"] {
        let page = dashboard.page(path).await;
        assert!(page.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317"), "{path}");
    }
    dashboard.append(&[span(1, 40 * 86_400_000_000)]).await;
    let page = dashboard.page("/traces").await;
    assert!(page.contains("No traces here") && page.contains("40 days ago"), "{page}");
    let href = all_between(&page, "<a class=\"button\" href=\"", "\"")[0].replace("&#38;", "&");
    assert_eq!(listed(&dashboard.page(&href).await).len(), 1);
}
