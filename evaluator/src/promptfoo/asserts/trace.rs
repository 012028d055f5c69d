//! Asserts on the spans of the answer's trace.

use serde_json::Value;

use crate::promptfoo::asserts::regex::JsRegex;
use crate::promptfoo::asserts::{Grade, Question};
use crate::trace::Span;

/// `trace-error-spans`: at most so many spans failed; none where nothing is said.
pub(super) fn error_spans(question: &Question<'_>) -> Result<Grade, String> {
    let spans = spans(question)?;
    let (count_max, share_max, pattern) = match question.value {
        Some(Value::Number(number)) => (number.as_f64(), None, "*"),
        Some(Value::Object(fields)) => {
            let number = |key: &str| fields.get(key).and_then(Value::as_f64);
            (number("max_count"), number("max_percentage"), fields.get("pattern").and_then(Value::as_str).unwrap_or("*"))
        }
        _ => (None, None, "*"),
    };
    let count_max = if share_max.is_none() { Some(count_max.unwrap_or(0.0)) } else { count_max };
    let matching = matching(spans, pattern);
    let failed: Vec<&str> = matching.iter().filter(|span| span.is_error()).map(|span| span.name.as_str()).collect();
    let (n_failed, n) = (count(failed.len()), count(matching.len()));
    let pass = n == 0.0 || (count_max.is_none_or(|max| n_failed <= max) && share_max.is_none_or(|max| 100.0 * n_failed / n <= max));
    Ok(Grade::pass(pass, || format!("{n_failed} of {n} spans failed: {failed:?}")))
}

/// `trace-span-count`: between `min` and `max` spans bear such a name.
pub(super) fn span_count(question: &Question<'_>) -> Result<Grade, String> {
    let spans = spans(question)?;
    let pattern = question.value.and_then(|value| value.get("pattern")).and_then(Value::as_str);
    let pattern = pattern.ok_or("trace-span-count needs {pattern} as its value")?;
    let found = count(matching(spans, pattern).len());
    let end = |key: &str| question.value.and_then(|value| value.get(key)).and_then(Value::as_f64);
    let pass = end("min").is_none_or(|min| found >= min) && end("max").is_none_or(|max| found <= max);
    Ok(Grade::pass(pass, || format!("{found} spans are named like {pattern:?}")))
}

/// `trace-span-duration`: every span, or a percentile of them, took at most `max` milliseconds.
pub(super) fn span_duration(question: &Question<'_>) -> Result<Grade, String> {
    let spans = spans(question)?;
    let key = |key: &str| question.value.and_then(|value| value.get(key));
    let max = key("max").and_then(Value::as_f64).ok_or("trace-span-duration needs {max} as its value")?;
    let percentile = key("percentile").and_then(Value::as_f64).unwrap_or(100.0);
    if !(0.0..=100.0).contains(&percentile) {
        return Err("percentile is a number from 0 to 100".to_owned());
    }
    let pattern = key("pattern").and_then(Value::as_str).unwrap_or("*");
    let mut durations: Vec<f64> = matching(spans, pattern).iter().filter_map(|span| Some(span.end_ms? - span.start_ms)).collect();
    durations.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, reason = "a rank within the list")]
    let rank = ((percentile / 100.0 * count(durations.len())).ceil() as usize).saturating_sub(1);
    let slowest = durations.get(rank).copied().unwrap_or(0.0);
    Ok(Grade::pass(slowest <= max, || format!("{slowest} ms, more than {max} ms")))
}

/// The spans of the trace, which there must be.
pub(super) fn spans<'a>(question: &'a Question<'_>) -> Result<&'a [Span], String> {
    question.subject.spans.ok_or_else(|| format!("there is no trace of this answer for {}", question.kind))
}

/// Whether a name is like a pattern with `*` and `?`, whatever its case.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    let escaped: String = pattern
        .chars()
        .flat_map(|c| match c {
            '*' => vec!['.', '*'],
            '?' => vec!['.'],
            c if ".+^${}()|[]\\".contains(c) => vec!['\\', c],
            c => vec![c],
        })
        .collect();
    JsRegex::new(&format!("^{escaped}$"), "i").is_ok_and(|regex| regex.is_match(name))
}

fn matching<'a>(spans: &'a [Span], pattern: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| is_like(&span.name, pattern)).collect()
}

fn count(n: usize) -> f64 {
    n as f64
}
