//! Rows of a table as tests: `__expected` and its kin.

use serde_json::{Map, Value};
use serde_yaml_ng::Mapping;

use crate::promptfoo::asserts::is_known;
use crate::spec::{CheckSpec, TestOptions, TestSpec};

/// Kinds whose threshold is 0.75 where a cell gives none.
const WITH_THRESHOLD: [&str; 13] = [
    "answer-relevance",
    "classifier",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "cost",
    "latency",
    "levenshtein",
    "perplexity-score",
    "perplexity",
    "rouge-n",
    "similar",
    "starts-with",
];

/// Makes a test of a row; columns that begin with `__` say how, the others are variables.
pub(super) fn test_of(row: &[(String, String)]) -> Result<TestSpec, String> {
    let (mut test, mut vars, mut options) = (TestSpec::default(), Mapping::new(), TestOptions::default());
    let (mut metric, mut thresholds) = (None, Vec::new());
    let mut metadata = Map::new();
    for (key, value) in row {
        let key = key.trim();
        if key.starts_with("__expected") {
            if !value.trim().is_empty() {
                test.assert.push(assertion_of(value.trim())?);
            }
        } else if let Some(config) = key.strip_prefix("__config:") {
            thresholds.push(threshold_of(config, value)?);
        } else if let Some(key) = key.strip_prefix("__metadata:") {
            metadata.insert(key.trim_end_matches("[]").to_owned(), Value::String(value.clone()));
        } else {
            match key {
                "__prefix" => options.prefix = Some(value.clone()),
                "__suffix" => options.suffix = Some(value.clone()),
                "__description" => test.description = Some(value.clone()).filter(|text| !text.is_empty()),
                "__providerOutput" => test.provider_output = Some(Value::String(value.clone())).filter(|_| !value.is_empty()),
                "__metric" => metric = Some(value.clone()).filter(|text| !text.is_empty()),
                "__threshold" => test.threshold = finite(value),
                "__metadata" => {}
                _ => {
                    vars.insert(key.into(), value.as_str().into());
                }
            }
        }
    }
    for (index, threshold) in thresholds {
        if let Some(assert) = test.assert.get_mut(index) {
            assert.threshold = Some(threshold);
        }
    }
    for assert in &mut test.assert {
        assert.metric.clone_from(&metric);
    }
    test.vars = Some(serde_yaml_ng::Value::Mapping(vars));
    test.options = options;
    test.metadata = (!metadata.is_empty()).then_some(Value::Object(metadata));
    Ok(test)
}

/// `type(threshold):value`; anything else is a text that the answer has to equal.
fn assertion_of(cell: &str) -> Result<CheckSpec, String> {
    let named =
        |kind: &str, value: &str| CheckSpec { kind: Some(kind.to_owned()), value: Some(Value::String(value.to_owned())), ..CheckSpec::default() };
    for prefix in ["javascript:", "fn:", "eval:"] {
        if let Some(code) = cell.strip_prefix(prefix) {
            return Ok(named("javascript", code.trim()));
        }
    }
    for prefix in ["grade:", "llm-rubric:"] {
        if let Some(rubric) = cell.strip_prefix(prefix) {
            return Ok(named("llm-rubric", rubric));
        }
    }
    if let Some(code) = cell.strip_prefix("python:") {
        return Ok(named("python", code.trim()));
    }
    let Some((name, threshold, value)) = split(cell) else { return Ok(named("equals", cell)) };
    let kind = name.strip_prefix("not-").unwrap_or(name);
    let mut spec = CheckSpec { kind: Some(name.to_owned()), ..CheckSpec::default() };
    if matches!(kind, "contains-all" | "contains-any" | "icontains-all" | "icontains-any") {
        let fields = value.map(super::asserts::comma_separated).transpose()?;
        spec.value = fields.map(|fields| fields.into_iter().map(Value::String).collect());
    } else if matches!(kind, "contains-json" | "is-json") {
        spec.value = value.map(|value| Value::String(value.to_owned()));
    } else {
        spec.value = value.map(|value| Value::String(value.trim().to_owned()));
        if WITH_THRESHOLD.contains(&kind) {
            spec.threshold = Some(threshold.unwrap_or(0.75));
        }
    }
    Ok(spec)
}

/// Cuts `not-rouge-n(0.5):text` into its three parts; nothing where it names no kind.
fn split(cell: &str) -> Option<(&str, Option<f64>, Option<&str>)> {
    let end = cell.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')).unwrap_or(cell.len());
    // Kinds of a family have a colon in their name.
    let end = ["similar:cosine", "similar:dot", "similar:euclidean", "trajectory:tool-used", "trajectory:step-count"]
        .iter()
        .find(|kind| cell.strip_prefix("not-").unwrap_or(cell).starts_with(**kind))
        .map_or(end, |kind| kind.len() + if cell.starts_with("not-") { 4 } else { 0 });
    let (name, rest) = cell.split_at(end);
    let kind = name.strip_prefix("not-").unwrap_or(name);
    if !is_known(kind) || matches!(kind, "assert-set" | "select-best" | "max-score") {
        return None;
    }
    let (threshold, rest) = match rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
        Some((number, rest)) if is_plain_number(number) => (Some(number.parse().ok()?), rest),
        Some(_) => return None,
        None => (None, rest),
    };
    match rest.strip_prefix(':') {
        Some(value) => Some((name, threshold, Some(value))),
        None if rest.is_empty() => Some((name, threshold, None)),
        None => None,
    }
}

fn is_plain_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, fraction)| digits(whole) && digits(fraction))
}

/// `__expected2:threshold` names the second assertion.
fn threshold_of(config: &str, value: &str) -> Result<(usize, f64), String> {
    let wrong = || format!("the column __config:{config} is not like __config:__expected1:threshold");
    let (column, key) = config.split_once(':').ok_or_else(wrong)?;
    let number = column.strip_prefix("__expected").ok_or_else(wrong)?;
    let index = if number.is_empty() { 1 } else { number.parse::<usize>().map_err(|_| wrong())? };
    if key != "threshold" || index == 0 {
        return Err(wrong());
    }
    Ok((index - 1, finite(value).ok_or_else(|| format!("{value:?} in the column __config:{config} is no number"))?))
}

fn finite(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_name_assertions() {
        let read = |cell: &str| {
            let spec = assertion_of(cell).unwrap();
            (spec.kind.unwrap(), spec.value.unwrap_or_default(), spec.threshold)
        };
        assert_eq!(read("contains: x "), ("contains".to_owned(), json!("x"), None));
        assert_eq!(read("not-levenshtein(2): abc"), ("not-levenshtein".to_owned(), json!("abc"), Some(2.0)));
        assert_eq!(read("rouge-n:abc").2, Some(0.75));
        assert_eq!(read("contains-all:a, \"b,c\"").1, json!(["a", "b,c"]));
        assert_eq!(read("Contains:x"), ("equals".to_owned(), json!("Contains:x"), None));
        assert_eq!(read("contians:x").0, "equals");
        assert_eq!(read("is-json"), ("is-json".to_owned(), Value::Null, None));
    }
}
