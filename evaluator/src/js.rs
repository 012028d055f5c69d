//! What JavaScript does with values, where promptfoo's verdicts depend on it.

use serde_json::Value;

/// `String(value)`, but for objects, which JavaScript prints as `[object Object]`: they are printed as JSON.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(|item| if item.is_null() { String::new() } else { text(item) }).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// `typeof output === "string" ? output : JSON.stringify(output)`.
pub(crate) fn coerce(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json(other),
    }
}

/// `JSON.stringify(value)`: whole numbers have no `.0`.
pub(crate) fn json(value: &Value) -> String {
    normal(value).to_string()
}

/// The value as `JSON.parse(JSON.stringify(value))` gives it: `1.0` is `1`.
pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => whole(number).map_or_else(|| value.clone(), Value::from),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        other => other.clone(),
    }
}

/// Whether JavaScript takes the value for true.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0 && !number.is_nan()),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// `Number(text)`; nothing for what is not a number.
pub(crate) fn number(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Some(0.0);
    }
    let hex = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X"));
    match hex {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
        None if trimmed.contains(['n', 'N', 'i', 'I']) => None,
        None => trimmed.parse().ok(),
    }
}

/// `util.isDeepStrictEqual`, to which `1` and `1.0` are the same number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        (a, b) => a == b,
    }
}

fn number_text(number: &serde_json::Number) -> String {
    match whole(number) {
        Some(whole) => whole.to_string(),
        None => number.to_string(),
    }
}

/// A number without a fraction, as an integer.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_print_as_in_javascript() {
        assert_eq!(text(&json!(1.0)), "1");
        assert_eq!(text(&json!([1, null, "a", [2, 3]])), "1,,a,2,3");
        assert_eq!(coerce(&json!({"a": 1.0})), r#"{"a":1}"#);
        assert!(same(&json!({"a": [1, 2]}), &json!({"a": [1.0, 2]})));
        assert_eq!((number(" 0x10 "), number(""), number("1e2"), number("nan")), (Some(16.0), Some(0.0), Some(100.0), None));
    }
}
