//! Traces of somebody who wants to run a script in the reader's browser, or to break the tree.

use schema::{AlertTransition, Micros, Score, Span, SpanId, TraceId};

/// Markup that would set `window.pwned` wherever it is taken for markup or script.
pub const SCRIPT: &str = r#"</textarea></title></script><script>window.pwned=1</script><img src=x onerror="window.pwned=2"><svg/onload=window.pwned=3>'"><a href="javascript:window.pwned=4">x</a>{{7*7}}`${window.pwned=5}`"#;

/// Id of the trace with markup in every field.
pub const SCRIPTED: TraceId = TraceId([0xee; 16]);

/// Id of the trace whose parents are missing, circular or doubled, and whose clocks disagree.
pub const TANGLED: TraceId = TraceId([0xdd; 16]);

/// Makes a trace that has markup in every text there is.
pub fn scripted(now: Micros) -> Vec<Span> {
    let text = || Some(SCRIPT.to_owned());
    let json = serde_json::json!(SCRIPT).to_string();
    let at = Micros(now.0 - 600_000_000);
    let make = |n: u8, parent: Option<u8>, operation: &str, is_llm_call: bool| Span {
        trace_id: SCRIPTED,
        span_id: SpanId([n; 8]),
        parent_span_id: parent.map(|parent| SpanId([parent; 8])),
        start_time: Micros(at.0 + i64::from(n) * 1_000),
        start_unix_nano: (at.0 + i64::from(n) * 1_000) * 1_000,
        duration_ns: 900_000_000,
        ingested_at: now,
        date: at.day(),
        service_name: text(),
        service_version: text(),
        environment: text(),
        name: SCRIPT.to_owned(),
        kind: SCRIPT.to_owned(),
        status: "error".to_owned(),
        status_message: text(),
        error_type: text(),
        scope_name: text(),
        scope_version: text(),
        dialect: text(),
        operation: Some(operation.to_owned()),
        is_llm_call,
        provider: text(),
        provider_raw: text(),
        request_model: text(),
        response_model: text(),
        response_id: text(),
        finish_reason: text(),
        service_tier: text(),
        cost_source: text(),
        session_id: text(),
        user_id: text(),
        agent_name: text(),
        workflow_name: text(),
        tool_name: text(),
        tool_call_id: text(),
        prompt_name: text(),
        prompt_version: text(),
        tags: Some(format!("[{json}]")),
        attributes: Some(format!("{{{json}:{json},\"nested\":{{{json}:[{json}]}}}}")),
        resource: Some(format!("{{{json}:{json}}}")),
        events: Some(format!(
            "[{{\"name\":{json},\"time_unix_nano\":1,\"attributes\":{{{json}:{json}}}}},{{\"name\":\"exception\",\"attributes\":{{\"exception.message\":{json}}}}}]"
        )),
        links: Some(format!("[{{\"trace_id\":{json}}}]")),
        system_instructions: Some(format!("[{{\"type\":\"text\",\"content\":{json}}}]")),
        input_messages: Some(format!(
            "[{{\"role\":{json},\"parts\":[{{\"type\":\"text\",\"content\":{json}}},{{\"type\":{json},\"x\":{json}}},{{\"type\":\"uri\",\"uri\":{json},\"modality\":\"image\"}},{{\"type\":\"tool_call_response\",\"id\":{json},\"result\":{json}}}]}},{json}]"
        )),
        output_messages: Some(format!(
            "[{{\"role\":\"assistant\",\"finish_reason\":{json},\"parts\":[{{\"type\":\"reasoning\",\"content\":{json}}},{{\"type\":\"tool_call\",\"id\":{json},\"name\":{json},\"arguments\":{{{json}:{json}}}}}]}}]"
        )),
        tool_definitions: Some(format!("[{{\"name\":{json}}}]")),
        tool_arguments: text(),
        tool_result: text(),
        documents: Some(format!("[{{\"id\":{json},\"score\":0.5,\"content\":{json},\"metadata\":{{{json}:{json}}}}},{json}]")),
        input_text: text(),
        output_text: text(),
        ..Span::default()
    };
    vec![make(1, None, SCRIPT, false), make(2, Some(1), "chat", true), make(3, Some(1), "execute_tool", false), make(4, Some(1), "retrieval", false)]
}

/// Makes scores with markup in every text.
pub fn scripted_scores(now: Micros) -> Vec<Score> {
    let text = || Some(SCRIPT.to_owned());
    vec![Score {
        id: SCRIPT.to_owned(),
        time: now,
        date: now.day(),
        target_time: Micros(now.0 - 600_000_000),
        evaluator: SCRIPT.to_owned(),
        evaluator_version: SCRIPT.to_owned(),
        trace_id: Some(SCRIPTED),
        span_id: Some(SpanId([2; 8])),
        session_id: text(),
        outcome: "value".to_owned(),
        value: Some(0.2),
        label: text(),
        passed: Some(false),
        reason: text(),
        source: SCRIPT.to_owned(),
        judge_model: text(),
        ..Score::default()
    }]
}

/// Makes an alert with markup in every text.
pub fn scripted_alert(now: Micros) -> Vec<AlertTransition> {
    vec![AlertTransition {
        id: SCRIPT.to_owned(),
        time: now,
        date: now.day(),
        monitor: SCRIPT.to_owned(),
        slice: format!("service_name={SCRIPT}"),
        kind: SCRIPT.to_owned(),
        state: "firing".to_owned(),
        severity: SCRIPT.to_owned(),
        summary: SCRIPT.to_owned(),
        window_start: Some(Micros(now.0 - 1_000_000)),
        window_end: Some(now),
        runbook: Some("javascript:window.pwned=6".to_owned()),
        actor: Some(SCRIPT.to_owned()),
        details: Some(serde_json::json!({SCRIPT: [SCRIPT]}).to_string()),
        ..AlertTransition::default()
    }]
}

/// Makes a trace in which nothing fits: an orphan, a circle, a span that is its own parent, one that came twice, a child that
/// begins before its parent, and times at the ends of what fits.
pub fn tangled(now: Micros) -> Vec<Span> {
    let at = Micros(now.0 - 700_000_000);
    let make = |n: u8, parent: Option<u8>, name: &str, offset_us: i64| Span {
        trace_id: TANGLED,
        span_id: SpanId([n; 8]),
        parent_span_id: parent.map(|parent| SpanId([parent; 8])),
        start_time: Micros(at.0 + offset_us),
        start_unix_nano: (at.0 + offset_us) * 1_000,
        duration_ns: 50_000_000,
        ingested_at: now,
        date: at.day(),
        service_name: Some("tangled".to_owned()),
        name: name.to_owned(),
        kind: "internal".to_owned(),
        status: "unset".to_owned(),
        ..Span::default()
    };
    let older = Span { ingested_at: Micros(now.0 - 5_000_000), ..make(1, None, "root, as it came first", 0) };
    vec![
        make(2, Some(1), "child that came before its parent", 1_000),
        older,
        make(1, None, "root", 0),
        make(3, Some(1), "child with an early clock", -40_000),
        make(4, Some(99), "orphan", 2_000),
        make(5, Some(4), "child of the orphan", 3_000),
        make(6, Some(7), "circle a", 4_000),
        make(7, Some(6), "circle b", 5_000),
        make(8, Some(8), "own parent", 6_000),
        Span { duration_ns: 0, ..make(9, Some(1), "", 7_000) },
    ]
}
