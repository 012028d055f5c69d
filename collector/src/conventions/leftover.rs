//! Writes the attributes that became no column as one JSON object with sorted keys.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde_json::Value;

use super::gather::Source;
use super::value;

/// Writes what is left after `used` sources were taken; nothing if nothing is.
pub(super) fn write(attributes: &[KeyValue], used: &[Source<'_>]) -> Option<String> {
    let taken = |at: usize, key: &str| {
        used.iter().any(|source| match source.prefix {
            Some(prefix) => key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')),
            None => source.at == at,
        })
    };
    let mut left: Vec<(usize, &KeyValue)> = attributes.iter().enumerate().filter(|(at, attribute)| !taken(*at, &attribute.key)).collect();
    if left.is_empty() {
        return None;
    }
    left.sort_by(|a, b| a.1.key.cmp(&b.1.key));
    left.dedup_by(|later, earlier| {
        later.1.key == earlier.1.key && {
            earlier.1 = later.1;
            true
        }
    });
    let mut out = String::with_capacity(64 * left.len());
    for (_, attribute) in left {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(&Value::String(attribute.key.clone()).to_string());
        out.push(':');
        let found = attribute.value.as_ref().map_or(Value::Null, |found| value::structure(found, 0));
        out.push_str(&found.to_string());
    }
    out.push('}');
    Some(out)
}
