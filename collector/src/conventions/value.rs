//! Reads OTLP attribute values, whatever type the sender chose, and JSON out of text, within bounds.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Number, Value};

use super::python;
use crate::decode::json;
use crate::otlp::base64;

/// Deepest nesting that is read as structure; what lies deeper stays text.
pub(super) const DEPTH_MAX: usize = 64;
/// Longest text that is parsed as JSON.
const PARSE_BYTES_MAX: usize = 16 << 20;

/// The text of a string value, if it is one and is not empty.
pub(super) fn text(value: &AnyValue) -> Option<&str> {
    match value.value.as_ref()? {
        Any::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The text of a scalar; a JSON-quoted string (MLflow quotes every value) is unquoted.
pub(super) fn scalar_text(value: &AnyValue) -> Option<Cow<'_, str>> {
    match value.value.as_ref()? {
        Any::StringValue(text) => {
            let text = unquoted(text);
            (!text.is_empty() && text != "null" && text != "None").then_some(text)
        }
        Any::IntValue(number) => Some(Cow::Owned(number.to_string())),
        Any::DoubleValue(number) => Some(Cow::Owned(number.to_string())),
        Any::BoolValue(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Any::ArrayValue(array) => array.values.first().and_then(text).map(Cow::Borrowed),
        _ => None,
    }
}

/// Takes JSON quotes off a text that is one JSON string.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    if text.len() >= 2
        && text.starts_with('"')
        && text.ends_with('"')
        && let Ok(inner) = serde_json::from_str::<String>(text)
    {
        return Cow::Owned(inner);
    }
    Cow::Borrowed(text)
}

/// A whole number, also where it came as a double or as text.
pub(super) fn int(value: &AnyValue) -> Option<i64> {
    match value.value.as_ref()? {
        Any::IntValue(number) => Some(*number),
        Any::DoubleValue(number) => whole(*number),
        Any::StringValue(text) => text_int(&unquoted(text)),
        _ => None,
    }
}

/// Reads a whole number out of text.
pub(super) fn text_int(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > 24 {
        return None;
    }
    text.parse().ok().or_else(|| text.parse::<f64>().ok().and_then(whole))
}

/// A double that is a whole number within what a double counts exactly.
fn whole(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
}

/// A finite number, also where it came as text.
pub(super) fn float(value: &AnyValue) -> Option<f64> {
    let number = match value.value.as_ref()? {
        #[allow(clippy::cast_precision_loss, reason = "settings and costs, far below 2^53")]
        Any::IntValue(number) => *number as f64,
        Any::DoubleValue(number) => *number,
        Any::StringValue(text) if text.len() <= 32 => unquoted(text).trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A flag, also where it came as `"True"` or `1`.
pub(super) fn boolean(value: &AnyValue) -> Option<bool> {
    match value.value.as_ref()? {
        Any::BoolValue(flag) => Some(*flag),
        Any::IntValue(number) => Some(*number != 0),
        Any::StringValue(text) => match unquoted(text).trim() {
            "true" | "True" | "TRUE" | "1" => Some(true),
            "false" | "False" | "FALSE" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The value as JSON: structure is converted, text that holds JSON is parsed, other text is a string.
pub(super) fn json(value: &AnyValue) -> Option<Value> {
    match value.value.as_ref()? {
        Any::StringValue(text) if text.is_empty() => None,
        Any::StringValue(text) => Some(parse(text).unwrap_or_else(|| Value::String(text.clone()))),
        _ => Some(structure(value, 0)),
    }
}

/// Converts a value without looking into text; bytes, NaN and the infinities become what they are in the JSON columns.
pub(super) fn structure(value: &AnyValue, depth: usize) -> Value {
    let Some(value) = value.value.as_ref() else { return Value::Null };
    match value {
        Any::StringValue(text) => Value::String(text.clone()),
        Any::BoolValue(flag) => Value::Bool(*flag),
        Any::IntValue(number) => Value::Number((*number).into()),
        Any::DoubleValue(number) => Number::from_f64(*number).map_or_else(|| Value::String(json::unwritable(*number).to_owned()), Value::Number),
        Any::BytesValue(bytes) => {
            let mut text = String::new();
            base64::encode(bytes, &mut text);
            Value::String(text)
        }
        Any::StringValueStrindex(_) => Value::Null,
        Any::ArrayValue(_) | Any::KvlistValue(_) if depth >= DEPTH_MAX => Value::Null,
        Any::ArrayValue(array) => Value::Array(array.values.iter().map(|item| structure(item, depth + 1)).collect()),
        Any::KvlistValue(list) => Value::Object(object(&list.values, depth + 1)),
    }
}

/// Converts a list of attributes to a JSON object; of a key that comes twice the last value counts.
pub(super) fn object(attributes: &[KeyValue], depth: usize) -> Map<String, Value> {
    let value = |pair: &KeyValue| pair.value.as_ref().map_or(Value::Null, |value| structure(value, depth));
    attributes.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

/// Parses text as JSON, or as the Python repr of a list or dict; nothing if it is neither, too long or too deep.
pub(super) fn parse(text: &str) -> Option<Value> {
    let trimmed = text.trim_start();
    let first = *trimmed.as_bytes().first()?;
    let structured = matches!(first, b'{' | b'[');
    if !(structured || first == b'"') || text.len() > PARSE_BYTES_MAX || deeper_than(trimmed, DEPTH_MAX) {
        return None;
    }
    match serde_json::from_str(trimmed) {
        Ok(value) => Some(value),
        Err(_) if structured => python::parse(trimmed),
        Err(_) => None,
    }
}

/// Whether the brackets of a text nest deeper than `limit`; brackets inside strings are skipped.
fn deeper_than(text: &str, limit: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' | b'(' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// A JSON string that itself holds a JSON object or list, parsed; other values as they are.
pub(super) fn opened(value: &Value) -> Cow<'_, Value> {
    let parsed = match value {
        Value::String(text) if matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[')) => parse(text),
        _ => None,
    };
    parsed.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The text of a JSON value: strings as they are, other values as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The first of `keys` that an object has with a value other than null.
pub(super) fn first<'v>(map: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| map.get(*key).filter(|value| !value.is_null()))
}

/// The first of `keys` that an object has as non-empty text.
pub(super) fn first_text<'v>(map: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    keys.iter().find_map(|key| map.get(*key).and_then(Value::as_str).filter(|text| !text.is_empty()))
}

/// A whole number of JSON, also where it came as a double or as text.
pub(super) fn json_int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text_int(text),
        _ => None,
    }
}
