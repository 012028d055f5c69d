//! A row of the trace list.

use schema::Micros;
use serde::Deserialize;

use crate::format;

/// A row of `trace_rows.sql`.
#[derive(Debug, Deserialize)]
pub(crate) struct TraceRow {
    pub(crate) trace_id: String,
    start_us: i64,
    pub(crate) duration_ns: i64,
    root_name: Option<String>,
    service_name: Option<String>,
    status: Option<String>,
    n_spans: i64,
    n_llm_calls: Option<i64>,
    n_errors: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_nanousd: Option<i64>,
    models: Option<String>,
    input_text: Option<String>,
    output_text: Option<String>,
}

/// A row of `trace_scores.sql`.
#[derive(Debug, Deserialize)]
pub(crate) struct ScoreRow {
    pub(crate) trace_id: String,
    evaluator: String,
    mean: Option<f64>,
    n: i64,
    n_failed: Option<i64>,
}

/// A trace as the list shows it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) iso: String,
    pub(crate) day: String,
    pub(crate) time: String,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) tokens: String,
    pub(crate) tokens_title: String,
    pub(crate) cost: String,
    pub(crate) duration: String,
    /// Share of the slowest trace on the page, in per cent.
    pub(crate) duration_share: f64,
    pub(crate) is_error: bool,
    pub(crate) status: &'static str,
    pub(crate) n_spans: String,
    pub(crate) models: Vec<String>,
    pub(crate) n_more_models: usize,
    pub(crate) scores: Vec<Badge>,
    pub(crate) n_more_scores: usize,
}

/// A score of a trace.
#[derive(Debug)]
pub(crate) struct Badge {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) title: String,
    pub(crate) class: &'static str,
}

const MODELS_SHOWN: usize = 2;
const SCORES_SHOWN: usize = 2;

impl Row {
    /// Lays a trace out; `slowest` is the longest duration on the page.
    pub(crate) fn new(scores: Vec<ScoreRow>, trace: TraceRow, slowest_ns: i64) -> Self {
        let start = Micros(trace.start_us);
        let names = trace.models.as_deref().unwrap_or_default();
        let mut models: Vec<String> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        // what answered says more than what embedded
        models.sort_by_key(|name| name.contains("embed"));
        let n_more_models = models.len().saturating_sub(MODELS_SHOWN);
        models.truncate(MODELS_SHOWN);
        let (input_tokens, output_tokens) = (trace.input_tokens, trace.output_tokens);
        let is_error = trace.status.as_deref() == Some("error");
        let tokens = input_tokens.unwrap_or(0).saturating_add(output_tokens.unwrap_or(0));
        Self {
            href: format!("/traces/{}", trace.trace_id),
            iso: format::rfc3339(start),
            day: start.to_datetime().format("%-d %b").to_string(),
            time: start.to_datetime().format("%H:%M:%S").to_string(),
            name: trace.root_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "(no root span)".to_owned()),
            service: trace.service_name.unwrap_or_default(),
            input: trace.input_text.filter(|text| !text.trim().is_empty()),
            output: trace.output_text.filter(|text| !text.trim().is_empty()),
            tokens: if tokens > 0 { format::short(format::real(tokens)) } else { "–".to_owned() },
            tokens_title: format!("{} in, {} out", format::count(input_tokens.unwrap_or(0)), format::count(output_tokens.unwrap_or(0))),
            cost: trace.cost_nanousd.map_or_else(|| "–".to_owned(), format::money),
            duration: format::nanos(trace.duration_ns),
            duration_share: (format::real(trace.duration_ns) / format::real(slowest_ns.max(1)) * 100.0).clamp(0.5, 100.0),
            is_error,
            status: if is_error { "error" } else { "ok" },
            n_spans: spans(trace.n_spans, trace.n_llm_calls.unwrap_or(0), trace.n_errors.unwrap_or(0)),
            models,
            n_more_models,
            n_more_scores: scores.len().saturating_sub(SCORES_SHOWN),
            scores: badges(scores),
        }
    }
}

/// Shows the scores that need a look first: those that did not pass, then the lowest.
fn badges(mut scores: Vec<ScoreRow>) -> Vec<Badge> {
    let rank = |score: &ScoreRow| (score.n_failed.unwrap_or(0) == 0, score.mean.unwrap_or(f64::INFINITY));
    scores.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
    scores.into_iter().take(SCORES_SHOWN).map(Badge::new).collect()
}

impl Badge {
    fn new(score: ScoreRow) -> Self {
        let failed = score.n_failed.unwrap_or(0);
        let value = match score.mean {
            Some(mean) => format::score(mean),
            None if failed > 0 => "fail".to_owned(),
            None => "pass".to_owned(),
        };
        let verdict = if failed > 0 { format!(", {failed} did not pass") } else { String::new() };
        Self {
            title: format!("{}: {value} over {} scored{verdict}", score.evaluator, score.n),
            name: score.evaluator,
            value,
            class: if failed > 0 { "bad" } else { "good" },
        }
    }
}

fn spans(n_spans: i64, n_calls: i64, n_errors: i64) -> String {
    let mut text = format!("{} span{}", format::count(n_spans), if n_spans == 1 { "" } else { "s" });
    if n_calls > 0 {
        text.push_str(&format!(", {} model call{}", format::count(n_calls), if n_calls == 1 { "" } else { "s" }));
    }
    if n_errors > 0 {
        text.push_str(&format!(", {} failed", format::count(n_errors)));
    }
    text
}
