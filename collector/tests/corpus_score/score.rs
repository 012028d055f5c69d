//! Compares rows with the ground truth, field by field.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::expected::{Call, Scenario};
use crate::rows::{Row, Rows, Verdict};

/// Fields in the order of the table.
pub const FIELDS: &[&str] = &[
    "row",
    "count",
    "operation",
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "system",
    "input_text",
    "messages",
    "output_text",
    "reasoning",
    "tool_calls",
    "tools",
    "finish",
    "input_tok",
    "output_tok",
    "cache",
    "thought",
    "stream",
    "ttft",
    "error",
    "session",
    "user",
    "toolexec",
    "docs",
    "agent",
    "scores",
];

/// Right and asked, a field.
#[derive(Debug, Default, Clone)]
pub struct Tally(BTreeMap<&'static str, (u32, u32)>);

impl Tally {
    pub fn plus(mut self, other: &Self) -> Self {
        for (field, (right, asked)) in &other.0 {
            let sum = self.0.entry(field).or_default();
            *sum = (sum.0 + right, sum.1 + asked);
        }
        self
    }

    pub fn asked(&self) -> u32 {
        self.0.values().map(|(_, asked)| asked).sum()
    }

    pub fn percent(&self) -> f64 {
        let right: u32 = self.0.values().map(|(right, _)| right).sum();
        100.0 * f64::from(right) / f64::from(self.asked().max(1))
    }

    pub fn cell(&self, field: &str) -> String {
        match self.0.get(field) {
            None => "-".to_owned(),
            Some((right, asked)) if right == asked => "100".to_owned(),
            Some((right, asked)) => format!("{right}/{asked}"),
        }
    }
}

struct Scorer<'a> {
    place: String,
    tally: &'a mut Tally,
    misses: &'a mut Vec<String>,
}

impl Scorer<'_> {
    fn mark(&mut self, field: &'static str, right: bool, detail: impl FnOnce() -> String) {
        let cell = self.tally.0.entry(field).or_default();
        cell.1 += 1;
        if right {
            cell.0 += 1;
        } else {
            self.misses.push(format!("{} {field}: {}", self.place, detail().chars().take(700).collect::<String>()));
        }
    }

    /// A field that must be right where it is visible, and null or right where the search says nothing.
    fn same(&mut self, field: &'static str, visible: Option<bool>, found: &Value, wanted: &Value) {
        let right = match visible {
            Some(false) => return,
            Some(true) => found == wanted,
            None => found.is_null() || found == wanted,
        };
        self.mark(field, right, || format!("found {found}, wanted {wanted}"));
    }
}

/// Scores the rows of one scenario.
pub fn scenario(dialect: &str, scenario: &Scenario, rows: &Rows, tally: &mut Tally, misses: &mut Vec<String>) {
    let mut scorer = Scorer { place: format!("{dialect}/{}", scenario.name), tally, misses };
    let manual = scenario.facts["manual_calls"].as_array().map_or(0, Vec::len);
    let most = scenario.llm_calls.len() + manual;
    scorer.mark("count", rows.calls.len() <= most, || {
        let names: Vec<String> = rows.calls.iter().map(|call| format!("{} {} {:?}", call.name, call.span_id, call.dialect)).collect();
        format!("{} rows for {most} calls: {names:?}", rows.calls.len())
    });
    let mut free: Vec<usize> = (0..rows.calls.len()).collect();
    let mut taken: Vec<(Option<usize>, &Call)> = Vec::new();
    let (carried, silent): (Vec<&Call>, Vec<&Call>) = scenario.llm_calls.iter().partition(|call| !call.carrier_spans.is_empty());
    for call in carried.into_iter().chain(silent) {
        let at = choose(call, scenario, rows, &free);
        free.retain(|row| Some(*row) != at);
        taken.push((at, call));
    }
    for (at, call) in &taken {
        scorer.place = format!("{dialect}/{}#{}", scenario.name, call.seq);
        let shared = at.is_none().then(|| shares(call, &taken)).flatten();
        match at {
            Some(at) => {
                scorer.mark("row", true, String::new);
                score_call(call, &rows.calls[*at], scenario, rows, &mut scorer);
            }
            None if shared.is_some() => scorer.mark("row", true, String::new),
            None => {
                let needed = !call.carrier_spans.is_empty() || call.status != "ok" && rows.spans.iter().any(|span| span.is_llm_call);
                if needed {
                    scorer.mark("row", false, || format!("no row for a call that is {}", call.status));
                }
            }
        }
    }
    scorer.place = format!("{dialect}/{}", scenario.name);
    facts(scenario, rows, &mut scorer);
}

/// The row of a call: by response id, then by carrier, then by order.
fn choose(call: &Call, scenario: &Scenario, rows: &Rows, free: &[usize]) -> Option<usize> {
    let same = |other: &&Call| other.seq != call.seq && call.carriers().any(|id| other.carriers().any(|other| other == id));
    let shared: Vec<&Call> = scenario.llm_calls.iter().filter(same).collect();
    let by_id = free.iter().find(|row| call.response_id.is_some() && rows.calls[**row].response_id == call.response_id);
    let others = |row: &&usize| {
        shared.iter().any(|other| other.output["text"].is_string() && other.output["text"].as_str() == rows.calls[**row].output_text.as_deref())
    };
    let own = |row: &&usize| call.output["text"].as_str() == rows.calls[**row].output_text.as_deref();
    let carried = |row: &&usize| call.carriers().any(|id| rows.calls[**row].span_id == id) && (own(row) || !others(row));
    let tokens = |row: &&usize| rows.calls[**row].output_tokens == call.usage["output_tokens"].as_i64();
    let by_carrier = || free.iter().filter(carried).find(tokens).or_else(|| free.iter().find(carried));
    let counts = |row: &&usize| {
        let row = &rows.calls[**row];
        call.usage["output_tokens"].is_i64()
            && row.output_tokens == call.usage["output_tokens"].as_i64()
            && row.input_tokens == call.usage["input_tokens"].as_i64()
    };
    let by_counts = || free.iter().find(counts);
    let by_order = || {
        let fits = |row: &&usize| {
            let embeds = rows.calls[**row].operation.as_deref() == Some("embeddings");
            embeds == (call.operation == "embeddings") && (call.status == "ok" || rows.calls[**row].output_tokens.is_none())
        };
        free.iter().find(fits).filter(|_| call.carrier_spans.is_empty())
    };
    by_id.or_else(by_carrier).or_else(by_counts).or_else(by_order).copied()
}

/// Another call that the same carrier speaks for.
fn shares<'a>(call: &Call, taken: &[(Option<usize>, &'a Call)]) -> Option<&'a Call> {
    let same = |other: &Call| call.carriers().any(|id| other.carriers().any(|other| other == id));
    taken.iter().find(|(at, other)| at.is_some() && other.seq != call.seq && same(other)).map(|(_, other)| *other)
}

fn score_call(call: &Call, row: &Row, scenario: &Scenario, rows: &Rows, scorer: &mut Scorer<'_>) {
    let text = |text: &Option<String>| json!(text);
    let operation = match row.operation.as_deref() {
        Some("generate_content" | "text_completion") => json!("chat"),
        other => json!(other),
    };
    scorer.same("operation", Some(true), &operation, &json!(call.operation));
    let named = call.visible("request_model") != Some(false) || call.visible("response_model") != Some(false) || row.provider.is_some();
    scorer.same("provider", Some(named), &text(&row.provider), &json!(call.provider));
    scorer.same("request_model", call.visible("request_model"), &text(&row.request_model), &json!(call.request_model));
    scorer.same("response_model", call.visible("response_model"), &text(&row.response_model), &json!(call.response_model));
    scorer.same("response_id", call.visible("response_id"), &text(&row.response_id), &json!(call.response_id));
    content(call, row, rows.raw(row), scorer);
    usage(call, row, scorer);
    if call.stream {
        scorer.same("stream", call.visible("stream_flag"), &json!(row.streaming), &json!(true));
    } else {
        scorer.same("stream", None, &json!(row.streaming), &json!(false));
    }
    if call.visible("ttft") == Some(true) {
        let seen = row.ttft_ns.is_some_and(|ns| (0..60_000_000_000).contains(&ns));
        scorer.mark("ttft", seen, || format!("{:?}", row.ttft_ns));
    }
    match call.status.as_str() {
        "error" if call.visible("error") != Some(false) => scorer.mark("error", row.status == "error", || format!("status {}", row.status)),
        "ok" => scorer.mark("error", row.status != "error", || format!("status {}", row.status)),
        _ => {}
    }
    for (field, found) in [("session_id", &row.session_id), ("user_id", &row.user_id)] {
        let (Some(wanted), Some(true)) = (scenario.facts[field].as_str(), scenario.visible[field].as_bool()) else { continue };
        scorer.same(if field == "user_id" { "user" } else { "session" }, Some(true), &text(found), &json!(wanted));
    }
}

fn usage(call: &Call, row: &Row, scorer: &mut Scorer<'_>) {
    let counts = [
        ("input_tok", "input_tokens", row.input_tokens),
        ("output_tok", "output_tokens", row.output_tokens),
        ("cache", "cache_read_tokens", row.cache_read_tokens),
        ("cache", "cache_write_tokens", row.cache_write_tokens),
        ("thought", "reasoning_tokens", row.reasoning_tokens),
    ];
    for (field, name, found) in counts {
        let Some(wanted) = call.usage[name].as_i64() else {
            scorer.same(field, None, &json!(found.filter(|count| *count != 0)), &Value::Null);
            continue;
        };
        let partial = name == "input_tokens" && call.visible[name] == "uncached_only" && call.visible("cache_read_tokens") == Some(false);
        let wanted = if partial { call.usage["input_tokens_uncached"].as_i64().unwrap() } else { wanted };
        let found = if wanted == 0 { Some(found.unwrap_or(0)) } else { found };
        scorer.same(field, call.visible(name), &json!(found), &json!(wanted));
    }
}

fn content(call: &Call, row: &Row, raw: &str, scorer: &mut Scorer<'_>) {
    let list = |text: &Option<String>| -> Vec<Value> { text.as_ref().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default() };
    let system = list(&row.system_instructions);
    let system: Vec<&str> = system.iter().filter_map(|part| part["content"].as_str()).collect();
    let system = if system.is_empty() { Value::Null } else { json!(system.join("\n")) };
    scorer.same("system", call.visible("system"), &system, &json!(call.system));
    let input = list(&row.input_messages);
    let wanted = flatten(&call.input_messages);
    let spoken = |message: &&Value| {
        message["role"] == "user" && message["parts"].as_array().is_some_and(|parts| parts.iter().any(|part| part["type"] == "text"))
    };
    let last_user = call.input_messages.iter().rev().find(spoken).map(|message| {
        let texts = message["parts"].as_array().into_iter().flatten().filter(|part| part["type"] == "text");
        json!(texts.filter_map(|part| part["content"].as_str()).collect::<Vec<_>>().join("\n"))
    });
    if let Some(wanted) = &last_user {
        scorer.same("input_text", call.visible("input_text"), &json!(row.input_text), wanted);
    }
    let found = flatten(&input);
    if call.visible("input_text") == Some(true) && !wanted.is_empty() && rows_hold(&wanted, raw) {
        let same = without_ids(&found) == without_ids(&wanted);
        scorer.mark("messages", same, || format!("found {}, wanted {}", json!(found), json!(wanted)));
    }
    scorer.same("output_text", call.visible("output_text"), &json!(row.output_text), &call.output["text"]);
    let output = list(&row.output_messages);
    let parts: Vec<&Value> = output.iter().filter_map(|message| message["parts"].as_array()).flatten().collect();
    let reasoning: Vec<&str> = parts.iter().filter(|part| part["type"] == "reasoning").filter_map(|part| part["content"].as_str()).collect();
    if call.visible("reasoning_text") == Some(true) {
        scorer.mark("reasoning", json!(reasoning.join("\n")) == call.output["reasoning"], || format!("{reasoning:?}"));
    }
    if call.visible("tool_call_arguments") == Some(true) {
        let keep_id = call.visible("tool_call_id") == Some(true);
        let shape = |id: &Value, name: &Value, arguments: &Value| json!([if keep_id { id } else { &Value::Null }, name, arguments]);
        let found: Vec<Value> =
            parts.iter().filter(|part| part["type"] == "tool_call").map(|part| shape(&part["id"], &part["name"], &part["arguments"])).collect();
        let wanted: Vec<Value> =
            call.output["tool_calls"].as_array().unwrap().iter().map(|part| shape(&part["id"], &part["name"], &part["arguments"])).collect();
        scorer.mark("tool_calls", found == wanted, || format!("found {}, wanted {}", json!(found), json!(wanted)));
    }
    if call.visible("tool_definitions") == Some(true) {
        let names = |tools: &[Value]| -> Vec<Value> { tools.iter().map(|tool| tool["name"].clone()).collect() };
        let found = list(&row.tool_definitions);
        scorer.mark("tools", names(&found) == names(&call.tools), || format!("found {}, wanted {:?}", json!(found), names(&call.tools)));
    }
    if let (Some(found), Some(wanted)) = (&row.finish_reason, call.output["finish_reason"].as_str()) {
        let wanted = if wanted == "tool_calls" { "tool_call" } else { wanted };
        scorer.mark("finish", found == wanted, || format!("found {found}, wanted {wanted}"));
    }
}

fn without_ids(parts: &[Value]) -> Vec<Value> {
    let mut parts = parts.to_vec();
    parts.iter_mut().filter_map(Value::as_object_mut).for_each(|part| drop(part.remove("id")));
    parts
}

/// Whether every text, argument and answer that is wanted lies in the bytes of the span and its records.
fn rows_hold(wanted: &[Value], raw: &str) -> bool {
    let bare: String = raw.chars().filter(|c| !matches!(c, '\\' | ' ')).map(|c| if c == '\'' { '"' } else { c }).collect();
    let argument = |name: &str, value: &Value| {
        let value = value.to_string().replace(' ', "");
        bare.contains(&format!("\"{name}\":{value}")) || bare.contains(&format!("\"key\":\"{name}\",\"value\":{{\"stringValue\":{value}"))
    };
    wanted.iter().all(|part| match part["type"].as_str().unwrap_or_default() {
        "text" => part["content"].as_str().is_some_and(|text| raw.contains(text.lines().next().unwrap_or_default())),
        "tool_call" => {
            part["name"].as_str().is_some_and(|name| raw.contains(name))
                && part["arguments"].as_object().is_none_or(|map| map.iter().all(|(name, value)| argument(name, value)))
        }
        "tool_call_response" => part["response"].as_str().is_some_and(|answer| raw.contains(answer)),
        _ => false,
    })
}

/// Messages as a flat list of parts with their roles; ids and names of tools that answered are left out.
fn flatten(messages: &[Value]) -> Vec<Value> {
    let mut out = Vec::new();
    for message in messages {
        for part in message["parts"].as_array().into_iter().flatten() {
            out.push(match part["type"].as_str().unwrap_or_default() {
                "text" => json!({"role": message["role"], "type": "text", "content": part["content"]}),
                "tool_call" => {
                    json!({"role": "assistant", "type": "tool_call", "id": part["id"], "name": part["name"], "arguments": part["arguments"]})
                }
                "tool_call_response" => {
                    let answer = if part["response"].is_null() { &part["result"] } else { &part["response"] };
                    json!({"role": "tool", "type": "tool_call_response", "response": answer})
                }
                "image" | "uri" | "blob" | "file" => json!({"role": message["role"], "type": "media"}),
                "reasoning" => continue,
                other => json!({"role": message["role"], "type": other}),
            });
        }
    }
    out
}

/// Tool executions, documents and the agent, in the rows of `spans`.
fn facts(scenario: &Scenario, rows: &Rows, scorer: &mut Scorer<'_>) {
    let executions = scenario.facts["tool_executions"].as_array().cloned().unwrap_or_default();
    let mut tools: Vec<&Row> = rows.spans.iter().filter(|span| span.operation.as_deref() == Some("execute_tool")).collect();
    let shown = scenario.visible["tool_results"] == true && !tools.is_empty();
    for wanted in executions.iter().filter(|_| shown) {
        let at = tools.iter().position(|span| execution_fits(span, wanted));
        scorer.mark("toolexec", at.is_some(), || {
            let found: Vec<Value> = tools.iter().map(|span| json!([span.name, span.tool_name, span.tool_arguments, span.tool_result])).collect();
            format!("wanted {wanted}, found {}", json!(found))
        });
        if let Some(at) = at {
            tools.remove(at);
        }
    }
    for retrieval in scenario.facts["retrieval"].as_array().into_iter().flatten() {
        if scenario.visible["retrieval_documents"] == false || scenario.visible["retrieval_span"] == false {
            continue;
        }
        let found: Vec<Value> =
            rows.spans.iter().filter_map(|span| span.documents.as_ref()).map(|text| serde_json::from_str(text).unwrap()).collect();
        // An application's own span with no attributes has no documents to show.
        if found.is_empty() && scenario.facts["retrieval_emitted_by"] == "application span" {
            continue;
        }
        let right = found.iter().any(|documents| documents_fit(documents, &retrieval["documents"]));
        scorer.mark("docs", right, || format!("found {}, wanted {}", json!(found), retrieval["documents"]));
    }
    scores(scenario, rows, scorer);
    if let (Some(wanted), Some(true)) = (scenario.facts["agent_name"].as_str(), scenario.visible["agent_name"].as_bool()) {
        let found: Vec<&String> = rows.spans.iter().filter_map(|span| span.agent_name.as_ref()).collect();
        scorer.mark("agent", found.iter().any(|name| *name == wanted), || format!("found {found:?}, wanted {wanted}"));
    }
}

/// Verdicts: each that was given is there once.
fn scores(scenario: &Scenario, rows: &Rows, scorer: &mut Scorer<'_>) {
    let given = scenario.facts["scores"].as_array().cloned().unwrap_or_default();
    for wanted in given.iter().filter(|_| scenario.visible["scores_in_otlp"] == true) {
        let named: Vec<&Verdict> = rows.scores.iter().filter(|score| Some(score.evaluator.as_str()) == wanted["name"].as_str()).collect();
        let fits = |score: &&Verdict| {
            let value = wanted["value"].as_f64().or_else(|| wanted["value"].as_bool().map(f64::from));
            let label = wanted["label"].as_str().or_else(|| wanted["value"].as_str());
            let reason = wanted["explanation"].as_str().or_else(|| wanted["comment"].as_str());
            let failed = wanted["error"].is_string();
            score.value == value
                && (label.is_none() || score.label.as_deref() == label)
                && (reason.is_none() || score.reason.as_deref() == reason)
                && (score.outcome == "failed") == failed
        };
        let found: Vec<Value> = named.iter().map(|score| json!([score.evaluator, score.value, score.label, score.reason, score.outcome])).collect();
        scorer.mark("scores", named.len() == 1 && named.iter().all(fits), || format!("found {found:?}, wanted {wanted}"));
    }
}

fn execution_fits(span: &Row, wanted: &Value) -> bool {
    let value = |text: &Option<String>| text.as_ref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text))).unwrap_or_default();
    let result: Value = value(&span.tool_result);
    let named = span.tool_name.as_deref() == wanted["name"].as_str();
    let arguments: Value = value(&span.tool_arguments);
    named && (arguments == wanted["arguments"] || wanted["arguments"].is_null()) && (result == wanted["result"] || wanted["result"].is_null())
}

/// The same documents in the same order; ids and scores count where the row has them.
fn documents_fit(found: &Value, wanted: &Value) -> bool {
    let (Some(found), Some(wanted)) = (found.as_array(), wanted.as_array()) else { return false };
    let fits = |found: &Value, wanted: &Value| {
        // Where the truth has no id or score, the store made one up.
        let same = |key: &str| found[key].is_null() || wanted[key].is_null() || found[key] == wanted[key];
        same("content") && same("id") && same("score") && (found["content"].is_string() || found["id"].is_string())
    };
    let sorted = |documents: &[Value]| {
        let mut documents = documents.to_vec();
        documents.sort_by_key(|document| document["content"].to_string());
        documents
    };
    let (found, wanted) = (sorted(found), sorted(wanted));
    found.len() == wanted.len() && found.iter().zip(&wanted).all(|(found, wanted)| fits(found, wanted))
}
