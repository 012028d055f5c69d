//! OTLP values as JSON text, written straight into a string: keys sorted, the last of equal keys wins.

use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::otlp::base64;
use crate::otlp::limits::DEPTH_MAX;

/// Returns attributes as a JSON object, or nothing where there are none.
pub fn object_of(attributes: &[KeyValue]) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(attributes.len() * 48);
    object(&mut out, attributes);
    Some(out)
}

/// Appends attributes as a JSON object.
pub fn object(out: &mut String, attributes: &[KeyValue]) {
    object_at(out, attributes, 0);
}

/// Appends a value: text and numbers as JSON has them, bytes as base64, NaN and the infinities as text, nothing as null.
pub fn value(out: &mut String, value: &AnyValue) {
    value_at(out, Some(value), 0);
}

fn object_at(out: &mut String, attributes: &[KeyValue], depth: u32) {
    let mut sorted: Vec<&KeyValue> = attributes.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    out.push('{');
    let mut is_first = true;
    for (index, attribute) in sorted.iter().enumerate() {
        if sorted.get(index + 1).is_some_and(|next| next.key == attribute.key) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        text(out, &attribute.key);
        out.push(':');
        value_at(out, attribute.value.as_ref(), depth);
    }
    out.push('}');
}

fn value_at(out: &mut String, value: Option<&AnyValue>, depth: u32) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::ArrayValue(_) | Value::KvlistValue(_)) if depth > DEPTH_MAX => out.push_str("null"),
        Some(Value::StringValue(string)) => text(out, string),
        Some(Value::BoolValue(flag)) => out.push_str(if *flag { "true" } else { "false" }),
        Some(Value::IntValue(number)) => integer(out, *number),
        Some(Value::DoubleValue(number)) => float(out, *number),
        Some(Value::ArrayValue(array)) => list(out, &array.values, |out, element| value_at(out, Some(element), depth + 1)),
        Some(Value::KvlistValue(map)) => object_at(out, &map.values, depth + 1),
        Some(Value::BytesValue(bytes)) => {
            out.push('"');
            base64::encode(bytes, out);
            out.push('"');
        }
        Some(Value::StringValueStrindex(_)) | None => out.push_str("null"),
    }
}

/// Appends a JSON list, each element written by `write`.
pub fn list<T>(out: &mut String, elements: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(']');
}

/// Appends an integer.
pub fn integer(out: &mut String, number: impl Into<i128>) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", number.into());
}

/// Appends a floating point number; what JSON has no number for becomes text.
pub fn float(out: &mut String, number: f64) {
    let _ = match number.is_finite() {
        true => write!(out, "{number:?}"),
        false => write!(out, "\"{}\"", unwritable(number)),
    };
}

/// The name of a number that JSON has no number for.
pub fn unwritable(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// Appends bytes as lowercase hex in quotes.
pub fn hex(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('"');
}

/// Appends text in quotes, with the escapes that JSON wants.
pub fn text(out: &mut String, text: &str) {
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // An escaped byte is ASCII, so that both sides of it are whole characters.
        out.push_str(&text[copied..at]);
        copied = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(any(value)), key_strindex: 0 }
    }

    #[track_caller]
    fn check(input: Value, expect: &str) {
        let mut out = String::new();
        value(&mut out, &any(input));
        assert_eq!(out, expect);
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
    }

    #[test]
    fn every_kind_of_value_is_json() {
        check(Value::StringValue("a\"b\\c\n\r\t\u{1}ü\u{2028}".to_owned()), "\"a\\\"b\\\\c\\n\\r\\t\\u0001ü\u{2028}\"");
        check(Value::BoolValue(true), "true");
        check(Value::IntValue(i64::MIN), "-9223372036854775808");
        check(Value::DoubleValue(1.0), "1.0");
        check(Value::DoubleValue(1e300), "1e300");
        check(Value::DoubleValue(-2.5e-7), "-2.5e-7");
        check(Value::DoubleValue(f64::NAN), "\"NaN\"");
        check(Value::DoubleValue(f64::NEG_INFINITY), "\"-Infinity\"");
        check(Value::BytesValue(vec![0, 255, 7]), "\"AP8H\"");
        check(Value::ArrayValue(ArrayValue { values: vec![any(Value::IntValue(1)), AnyValue { value: None }] }), "[1,null]");
        check(Value::KvlistValue(KeyValueList { values: vec![] }), "{}");
    }

    #[test]
    fn keys_are_sorted_and_the_last_of_equal_ones_wins() {
        let attributes = [attribute("b", Value::IntValue(1)), attribute("a", Value::IntValue(2)), attribute("b", Value::IntValue(3))];
        assert_eq!(object_of(&attributes).unwrap(), r#"{"a":2,"b":3}"#);
        assert_eq!(object_of(&[]), None);
    }
}
