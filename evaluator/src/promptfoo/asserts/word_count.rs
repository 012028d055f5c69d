//! `word-count`.

use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::{Grade, Question};

/// `word-count`: so many words, or between `min` and `max`.
pub(super) fn word_count(question: &Question<'_>) -> Result<Grade, String> {
    let wrong = || "word-count must have a number or {min, max} as its value".to_owned();
    let found = question.output().split_whitespace().count() as f64;
    let (holds, wanted) = match question.value.ok_or_else(wrong)? {
        Value::Object(range) => {
            let end = |key: &str| range.get(key).map(|value| value.as_f64().ok_or_else(wrong)).transpose();
            let (min, max) = (end("min")?, end("max")?);
            match (min, max) {
                (None, None) => return Err(wrong()),
                (Some(min), Some(max)) if min > max => return Err(format!("word-count: min {min} is above max {max}")),
                _ => {}
            }
            (min.is_none_or(|min| found >= min) && max.is_none_or(|max| found <= max), Value::Object(range.clone()).to_string())
        }
        Value::Number(number) => (number.as_f64() == Some(found), number.to_string()),
        Value::String(text) => (js::number(text).ok_or_else(wrong)? == found, text.clone()),
        _ => return Err(wrong()),
    };
    Ok(Grade::pass(holds != question.inverse, || format!("{found} words, expected {}{wanted}", question.not())))
}
