//! Reads what senders put into span events: messages of generations 0 and 1, details, exceptions.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use serde_json::{Map, Value};

use super::draft::{Draft, put};
use super::messages::{self, Message};
use super::{payload, value};

/// Most events that are looked at.
const EVENTS_MAX: usize = 1024;

/// Messages that events told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub input: Vec<Message>,
    pub output: Vec<Message>,
    pub finish_reason: Option<String>,
}

impl Told {
    /// Whether no event told anything.
    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty() && self.output.is_empty()
    }
}

/// Attributes of events that carry the same keys as spans do.
pub(super) fn details(events: &[Event]) -> impl Iterator<Item = &[KeyValue]> {
    let named = |event: &&Event| event.name.ends_with("operation.details");
    events.iter().take(EVENTS_MAX).filter(named).map(|event| event.attributes.as_slice())
}

/// Reads the messages of a span's events, in their order.
pub(super) fn read(events: &[Event]) -> Told {
    let mut told = Told::default();
    for event in events.iter().take(EVENTS_MAX) {
        if event.name.starts_with("gen_ai.") || event.name.starts_with("llm.") {
            message(&event.name, || value::object(&event.attributes, 0), &mut told);
        }
    }
    told
}

/// Reads one event of the families `gen_ai.<role>.message`, `gen_ai.choice`, `gen_ai.content.prompt` and `.completion`.
pub(super) fn message(name: &str, fields: impl FnOnce() -> Map<String, Value>, told: &mut Told) {
    let speaker = match name {
        "gen_ai.system.message" => "system",
        "gen_ai.user.message" => "user",
        "gen_ai.assistant.message" => "assistant",
        "gen_ai.tool.message" => "tool",
        "gen_ai.choice" => return choice(fields(), told),
        "gen_ai.content.prompt" | "llm.content.prompt" => {
            let mut draft = Draft::default();
            let fields = fields();
            if fields.contains_key("role") {
                return told.input.extend(messages::read_loose(&Value::Array(vec![Value::Object(fields)]), "user"));
            }
            if let Some(found) = value::first(&fields, &["gen_ai.prompt", "prompt", "content"]) {
                payload::request(found, &mut draft);
            }
            return told.input.append(&mut draft.input);
        }
        "gen_ai.content.completion" | "llm.content.completion" => {
            let mut draft = Draft::default();
            let fields = fields();
            if fields.contains_key("message") || fields.contains_key("role") {
                return choice(fields, told);
            }
            if let Some(found) = value::first(&fields, &["gen_ai.completion", "completion", "content"]) {
                payload::response(found, &mut draft);
            }
            return told.output.append(&mut draft.output);
        }
        _ => return,
    };
    let mut fields = fields();
    fields.entry("role").or_insert_with(|| speaker.into());
    told.input.extend(messages::read_loose(&Value::Array(vec![Value::Object(fields)]), speaker));
}

/// Reads a list of events that came as one attribute, each with its `event.name`.
pub(super) fn listed(value: &Value) -> Option<Told> {
    let items = value.as_array()?;
    let mut told = Told::default();
    for item in items.iter().take(EVENTS_MAX) {
        let map = item.as_object()?;
        let name = map.get("event.name")?.as_str()?;
        message(name, || map.clone(), &mut told);
    }
    (!told.is_empty()).then_some(told)
}

/// Reads a choice: `message` is a message, a list of blocks, or bare text.
fn choice(mut fields: Map<String, Value>, told: &mut Told) {
    let reason = fields.get("finish_reason").and_then(Value::as_str).map(messages::finish_reason);
    let message = fields.remove("message").map(|message| value::opened(&message).into_owned());
    let found = match message {
        Some(Value::Object(map)) => messages::read_loose(&Value::Array(vec![Value::Object(map)]), "assistant"),
        Some(other) => {
            let mut draft = Draft::default();
            payload::response(&other, &mut draft);
            draft.output
        }
        None => {
            fields.entry("role").or_insert_with(|| "assistant".into());
            messages::read_loose(&Value::Array(vec![Value::Object(fields)]), "assistant")
        }
    };
    for mut message in found {
        put(&mut message.finish_reason, reason.clone());
        told.output.push(message);
    }
    put(&mut told.finish_reason, reason);
}

/// When the first token or chunk came, as an event tells it.
pub(super) fn first_token(events: &[Event]) -> Option<u64> {
    let named = |event: &&Event| {
        let name = event.name.to_ascii_lowercase();
        let first = name.contains("first") && (name.contains("token") || name.contains("chunk"));
        first || name.ends_with(".chunk") || name.starts_with("mlflow.chunk.item.") || name == "stream.chunk"
    };
    events.iter().take(EVENTS_MAX).filter(named).map(|event| event.time_unix_nano).min()
}

/// Class of the exception that a span recorded.
pub(super) fn exception_type(events: &[Event]) -> Option<String> {
    let event = events.iter().take(EVENTS_MAX).find(|event| event.name == "exception")?;
    let found = event.attributes.iter().find(|attribute| attribute.key == "exception.type")?;
    found.value.as_ref().and_then(value::text).map(str::to_owned)
}
