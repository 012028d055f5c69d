//! Writes the attributes that became no column as one JSON object with sorted keys.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::Event;

use super::gather::Source;
use crate::decode::json;

/// Attributes of events that became messages.
const SPOKEN: &[&str] = &["content", "message", "tool_calls", "gen_ai.prompt", "gen_ai.completion"];

/// Writes what is left after `used` sources were taken, with what stands `beside` the attributes; nothing if nothing is.
pub(super) fn write(attributes: &[KeyValue], used: &[Source<'_>], beside: &[KeyValue]) -> Option<String> {
    let taken = |at: usize, key: &str| {
        used.iter().any(|source| match source.prefix {
            Some(prefix) => key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.')),
            None => source.at == at,
        })
    };
    let mut left: Vec<&KeyValue> =
        attributes.iter().enumerate().filter(|(at, attribute)| !taken(*at, &attribute.key)).map(|(_, attribute)| attribute).chain(beside).collect();
    left.sort_by(|a, b| a.key.cmp(&b.key));
    let mut out = String::with_capacity(64 * left.len());
    for (at, attribute) in left.iter().enumerate() {
        if left.get(at + 1).is_some_and(|next| next.key == attribute.key) {
            continue;
        }
        out.push(if out.is_empty() { '{' } else { ',' });
        json::text(&mut out, &attribute.key);
        out.push(':');
        match &attribute.value {
            Some(value) => json::value(&mut out, value),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    (out.len() > 1).then_some(out)
}

/// Writes events as decode does, without the content of those that became messages.
pub(super) fn events(events: &[Event]) -> String {
    let mut out = String::from("[");
    for event in events {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str("{\"name\":");
        json::text(&mut out, &event.name);
        out.push_str(",\"time_unix_nano\":");
        out.push_str(&event.time_unix_nano.to_string());
        out.push_str(",\"attributes\":");
        let spoken = event.name.starts_with("gen_ai.") || event.name.starts_with("llm.");
        let kept: Vec<KeyValue> = event.attributes.iter().filter(|one| !(spoken && SPOKEN.contains(&one.key.as_str()))).cloned().collect();
        json::object(&mut out, &kept);
        out.push('}');
    }
    out.push(']');
    out
}
