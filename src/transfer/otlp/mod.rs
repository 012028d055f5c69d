//! Rows as OTLP export requests, in the words of OpenTelemetry's GenAI conventions, whatever dialect they came in.

mod log;
mod metric;
mod span;

use std::collections::BTreeMap;

use schema::Row;
use serde_json::{Map, Value, json};

/// A row that can be written as an item of an export request.
pub(super) trait Exported: Row {
    /// What a request calls its lists of resources, scopes and items.
    const LISTS: [&'static str; 3];

    /// When it was, in nanoseconds since 1970.
    fn nanos(&self) -> i64;

    /// Attributes of its resource, a JSON object.
    fn resource(&self) -> Option<&str>;

    /// Name and version of its scope.
    fn scope(&self) -> [Option<&str>; 2];

    /// The item.
    fn item(&self) -> Value;

    /// Leaves out rows that another one takes the place of.
    fn latest(rows: Vec<Self>) -> Vec<Self> {
        rows
    }
}

/// Puts rows into an order that does not depend on how they lie in files.
pub(super) fn sort<R: Exported>(rows: &mut [R]) {
    rows.sort_by_cached_key(|row| (row.nanos(), json!([row.resource(), row.scope()]).to_string(), row.item().to_string()));
}

/// Returns a request that holds the rows, one resource and scope a run of neighbours that share them.
pub(super) fn request_of<R: Exported>(rows: &[R]) -> Value {
    let [resources, scopes, items] = R::LISTS;
    let runs = rows.chunk_by(|a, b| a.resource() == b.resource() && a.scope() == b.scope()).map(|run| {
        let [name, version] = run.first().map(R::scope).unwrap_or_default().map(Option::unwrap_or_default);
        let resource = run.first().and_then(R::resource);
        json!({
            "resource": {"attributes": listed(&object_of(resource))},
            scopes: [{"scope": {"name": name, "version": version}, items: run.iter().map(R::item).collect::<Vec<_>>()}],
        })
    });
    json!({resources: runs.collect::<Vec<_>>()})
}

/// Attributes by their keys, so that none is there twice.
type Attributes = BTreeMap<String, Value>;

/// Reads a column of attributes.
fn object_of(text: Option<&str>) -> Attributes {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Writes attributes as OTLP's list.
fn listed(attributes: &Attributes) -> Vec<Value> {
    attributes.iter().map(|(key, value)| pair(key, value)).collect()
}

fn pairs(object: &Map<String, Value>) -> Vec<Value> {
    object.iter().map(|(key, value)| pair(key, value)).collect()
}

fn pair(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

/// Writes a JSON value as OTLP's AnyValue.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(values) => json!({"arrayValue": {"values": values.iter().map(any_value).collect::<Vec<_>>()}}),
        Value::Object(object) => json!({"kvlistValue": {"values": pairs(object)}}),
    }
}
