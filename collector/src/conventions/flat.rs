//! Puts flattened keys together again: `llm.input_messages.0.message.role` and its neighbours become one JSON list.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde_json::{Map, Value};

use super::value;

/// Deepest path below the prefix.
const PATH_MAX: usize = 16;

/// The part of a key before its first whole-number segment, if it has one.
pub(super) fn prefix(key: &str) -> Option<&str> {
    // Most keys have no digit at all.
    if !key.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut at = 0;
    for segment in key.split('.') {
        if at > 0 && !segment.is_empty() && segment.len() <= 5 && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(&key[..at - 1]);
        }
        at += segment.len() + 1;
    }
    None
}

/// Builds the list that the keys under `prefix` describe; text that holds JSON objects or lists is left as text.
pub(super) fn rebuild(attributes: &[&KeyValue], prefix: &str) -> Option<Value> {
    let mut root = Value::Object(Map::new());
    for attribute in attributes {
        let Some(path) = attribute.key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) else { continue };
        if path.split('.').count() > PATH_MAX {
            continue;
        }
        let Some(value) = attribute.value.as_ref() else { continue };
        insert(&mut root, path, value::structure(value, 0));
    }
    let root = listed(root);
    root.is_array().then_some(root)
}

fn insert(root: &mut Value, path: &str, leaf: Value) {
    let mut place = root;
    for segment in path.split('.') {
        let Value::Object(map) = place else { return };
        place = map.entry(segment.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = leaf;
}

/// Turns objects whose keys are all whole numbers into lists, in the order of the numbers.
fn listed(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let mut numbered: Option<Vec<(u32, Value)>> = (!map.is_empty()).then(|| Vec::with_capacity(map.len()));
    if !map.keys().all(|key| key.len() <= 5 && key.parse::<u32>().is_ok()) {
        numbered = None;
    }
    let Some(mut numbered) = numbered else {
        return Value::Object(map.into_iter().map(|(key, value)| (key, listed(value))).collect());
    };
    numbered.extend(map.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, listed(value)))));
    numbered.sort_by_key(|(number, _)| *number);
    Value::Array(numbered.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use serde_json::json;

    #[test]
    fn lists_come_back_in_order() {
        let text = |key: &str, value: &str| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.into())) }),
            ..KeyValue::default()
        };
        let attributes = [text("m.10.message.role", "b"), text("m.2.message.role", "a"), text("m.2.message.calls.0.id", "x"), text("n.0", "no")];
        let rebuilt = super::rebuild(&attributes.iter().collect::<Vec<_>>(), "m").unwrap();
        assert_eq!(rebuilt, json!([{"message": {"role": "a", "calls": [{"id": "x"}]}}, {"message": {"role": "b"}}]));
        assert_eq!(super::prefix("llm.input_messages.0.message.role"), Some("llm.input_messages"));
        assert_eq!(super::prefix("llm.model_name"), None);
    }
}
