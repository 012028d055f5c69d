//! Reads verdicts that came over OTLP: `gen_ai.evaluation.result` events, and what dialects put on spans instead.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use schema::{LogRecord, Micros, Score, Span, SpanId, TraceId};
use serde_json::{Map, Value};

use super::log::LogInput;
use super::span::SpanInput;
use super::{flat, value};

/// Most verdicts that one span or record may carry.
const SCORES_MAX: usize = 1000;
/// The event that carries a verdict.
const EVENT: &str = "gen_ai.evaluation.result";

/// What a verdict is about.
struct Target<'a> {
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    session_id: Option<&'a str>,
    time: Micros,
}

/// Verdicts that a span carries: events, OpenInference's evaluations and annotations, feedback spans, offline results.
pub fn scores_of_span(input: &SpanInput<'_>, row: &Span) -> Vec<Score> {
    let attributes = &input.span.attributes;
    let target = Target { trace_id: Some(row.trace_id), span_id: Some(row.span_id), session_id: row.session_id.as_deref(), time: row.start_time };
    let mut scores = Vec::new();
    for event in input.span.events.iter().filter(|event| event.name == EVENT).take(SCORES_MAX) {
        let time = i64::try_from(event.time_unix_nano).map_or(row.start_time, Micros::from_nanos);
        scores.extend(event_score(&event.attributes, &target, time));
    }
    annotations(attributes, &target, row, &mut scores);
    scores.extend(feedback(attributes, row));
    offline(attributes, &target, row, &mut scores);
    scores.truncate(SCORES_MAX);
    scores
}

/// The verdict that a log record carries; the same verdict on a span event has the same id.
pub fn scores_of_log(input: &LogInput<'_>, row: &LogRecord) -> Vec<Score> {
    if row.event_name.as_deref() != Some(EVENT) {
        return Vec::new();
    }
    let target = Target { trace_id: row.trace_id, span_id: row.span_id, session_id: row.session_id.as_deref(), time: row.time };
    event_score(&input.record.attributes, &target, row.time).into_iter().collect()
}

/// What one verdict says.
#[derive(Default)]
struct Verdict {
    name: String,
    version: String,
    value: Option<f64>,
    label: Option<String>,
    reason: Option<String>,
    failed: bool,
    source: Option<&'static str>,
    response_id: Option<String>,
}

fn event_score(attributes: &[KeyValue], target: &Target<'_>, time: Micros) -> Option<Score> {
    let get = |key: &str| attributes.iter().rfind(|attribute| attribute.key == key).and_then(|attribute| attribute.value.as_ref());
    let text = |key: &str| get(key).and_then(value::scalar_text).map(String::from);
    let verdict = Verdict {
        name: text("gen_ai.evaluation.name")?,
        version: text("gen_ai.evaluation.evaluator.version").unwrap_or_default(),
        value: get("gen_ai.evaluation.score.value").and_then(value::float),
        label: text("gen_ai.evaluation.score.label"),
        reason: text("gen_ai.evaluation.explanation").or_else(|| text("error.type")),
        failed: get("error.type").is_some(),
        source: None,
        response_id: text("gen_ai.response.id"),
    };
    Some(score(verdict, target, time))
}

/// OpenInference: `evaluations.N.evaluation.*` and `annotations.N.annotation.*`, of the span, its trace or its session.
fn annotations(attributes: &[KeyValue], target: &Target<'_>, row: &Span, out: &mut Vec<Score>) {
    const LISTS: &[(&str, &str)] = &[
        ("evaluations", "evaluation"),
        ("annotations", "annotation"),
        ("trace.evaluations", "evaluation"),
        ("trace.annotations", "annotation"),
        ("session.evaluations", "evaluation"),
        ("session.annotations", "annotation"),
    ];
    if !attributes.iter().any(|attribute| LISTS.iter().any(|(list, _)| attribute.key.starts_with(list))) {
        return;
    }
    let attributes: Vec<&KeyValue> = attributes.iter().collect();
    for (list, item) in LISTS {
        let Some(Value::Array(items)) = flat::rebuild(&attributes, list) else { continue };
        for map in items.iter().filter_map(|found| found[*item].as_object()).take(SCORES_MAX) {
            let text = |key: &str| value::first_text(map, &[key]).map(str::to_owned);
            let Some(name) = text("name") else { continue };
            let verdict = Verdict {
                name,
                value: map.get("score").and_then(Value::as_f64),
                label: text("label"),
                reason: text("explanation"),
                source: source(map),
                ..Verdict::default()
            };
            let whole = Target { span_id: target.span_id.filter(|_| !list.contains('.')), session_id: target.session_id, ..*target };
            let whole = Target { trace_id: whole.trace_id.filter(|_| !list.starts_with("session.")), ..whole };
            out.push(score(verdict, &whole, row.start_time));
        }
    }
}

fn source(map: &Map<String, Value>) -> Option<&'static str> {
    match value::first_text(map, &["annotator_kind"])? {
        "HUMAN" => Some("human"),
        _ => None,
    }
}

/// Logfire: a child span that names the verdict and holds its value under that name; its parent is judged.
fn feedback(attributes: &[KeyValue], row: &Span) -> Option<Score> {
    let get = |key: &str| attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.as_ref());
    let name = get("logfire.feedback.name").and_then(value::text)?;
    let found = get(name)?;
    let number = value::float(found).or_else(|| value::boolean(found).map(f64::from));
    let verdict = Verdict {
        name: name.to_owned(),
        value: number,
        label: value::text(found).filter(|_| number.is_none()).map(str::to_owned),
        reason: get("logfire.feedback.comment").and_then(value::text).map(str::to_owned),
        source: Some("human"),
        ..Verdict::default()
    };
    let target = Target { trace_id: Some(row.trace_id), span_id: row.parent_span_id, session_id: row.session_id.as_deref(), time: row.start_time };
    Some(score(verdict, &target, row.start_time))
}

/// Results of offline runs, JSON objects by name: pydantic-evals' `scores`, `labels` and `assertions`, Braintrust's `braintrust.scores`.
fn offline(attributes: &[KeyValue], target: &Target<'_>, row: &Span, out: &mut Vec<Score>) {
    for attribute in attributes.iter().filter(|attribute| ["scores", "labels", "assertions", "braintrust.scores"].contains(&attribute.key.as_str())) {
        let Some(Value::Object(results)) = attribute.value.as_ref().and_then(value::json) else { continue };
        for (name, result) in results.into_iter().take(SCORES_MAX) {
            let found = result.get("value").unwrap_or(&result);
            let number = found.as_f64().or_else(|| found.as_bool().map(f64::from));
            let verdict = Verdict {
                name,
                value: number,
                label: found.as_str().map(str::to_owned),
                reason: result["reason"].as_str().map(str::to_owned),
                version: result["evaluator_version"].as_str().unwrap_or_default().to_owned(),
                ..Verdict::default()
            };
            if verdict.value.is_some() || verdict.label.is_some() {
                out.push(score(verdict, target, row.start_time));
            }
        }
    }
}

fn score(verdict: Verdict, target: &Target<'_>, time: Micros) -> Score {
    let outcome = if verdict.failed && verdict.value.is_none() && verdict.label.is_none() { "failed" } else { "value" };
    Score {
        id: id(&verdict, target),
        time,
        date: time.day(),
        target_time: target.time,
        evaluator: verdict.name,
        evaluator_version: verdict.version,
        trace_id: target.trace_id,
        span_id: target.span_id,
        session_id: target.session_id.map(str::to_owned),
        response_id: verdict.response_id,
        outcome: outcome.to_owned(),
        value: verdict.value,
        label: verdict.label,
        reason: verdict.reason,
        source: verdict.source.unwrap_or("otlp").to_owned(),
        ..Score::default()
    }
}

/// FNV-1a over what makes a verdict the same: evaluator, version, target, value and label.
fn id(verdict: &Verdict, target: &Target<'_>) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain([&0xff]) {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    };
    add(verdict.name.as_bytes());
    add(verdict.version.as_bytes());
    add(&target.trace_id.map_or([0; 16], |id| id.0));
    add(&target.span_id.map_or([0; 8], |id| id.0));
    if target.trace_id.is_none() {
        add(target.session_id.unwrap_or_default().as_bytes());
    }
    add(verdict.response_id.as_deref().filter(|_| target.span_id.is_none()).unwrap_or_default().as_bytes());
    add(&verdict.value.map_or([0; 8], |value| value.to_bits().to_le_bytes()));
    add(verdict.label.as_deref().unwrap_or_default().as_bytes());
    format!("{hash:032x}")
}
