//! Fills the GenAI columns of a log record's row.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value};

use super::draft::{Draft, put};
use super::events::{self, Told};
use super::gather::{Gathered, Source};
use super::keys::Slot;
use super::{beside, dialect, dialects, leftover, messages, operation, part, payload, provider, tools, value};

/// A log record as it came, with what it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct LogInput<'a> {
    /// Attributes of the resource.
    pub resource: &'a [KeyValue],
    /// The instrumentation scope.
    pub scope: Option<&'a InstrumentationScope>,
    /// The record.
    pub record: &'a LogRecord,
}

/// Fills every GenAI column of `row`; decode has filled ids, times, severity, service, scope, body and resource.
pub fn interpret_log(input: &LogInput<'_>, row: &mut schema::LogRecord) {
    let record = input.record;
    let body: &[KeyValue] = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Any::KvlistValue(list)) => &list.values,
        _ => &[],
    };
    let gathered = Gathered::new(&[&record.attributes, body]);
    put(&mut row.event_name, event_name(&gathered, record));
    let event = row.event_name.clone().unwrap_or_default();
    let mut told = Told::default();
    if !is_written_out(&gathered) {
        events::message(&event, || fields(record, body), &mut told);
    }
    if told.is_empty() && !is_genai(&gathered, &event) {
        row.session_id = gathered.text(Slot::Session).map(Into::into);
        row.user_id = gathered.text(Slot::User).map(Into::into);
        row.attributes = leftover::write(&record.attributes, &[], &beside::of_scope(input.scope));
        return;
    }
    let mut used = Vec::new();
    let spoken = !told.is_empty();
    let draft = read(&gathered, told, &mut used);
    if spoken || used.iter().any(|source| source.at >= record.attributes.len()) {
        row.body = None;
    }
    used.retain(|source| source.at < record.attributes.len());
    finish(&gathered, draft, row);
    if dialects::repeats_tools(row.scope_name.as_deref(), &event, row) {
        row.input_messages = None;
    }
    row.attributes = leftover::write(&record.attributes, &used, &beside::of_scope(input.scope));
}

/// The event's name, which senders put in three places.
fn event_name(gathered: &Gathered<'_>, record: &LogRecord) -> Option<String> {
    let named = Some(record.event_name.clone()).filter(|name| !name.is_empty());
    let by_key = |key| gathered.exact(key).and_then(value::text).map(str::to_owned);
    named.or_else(|| by_key("event.name")).or_else(|| by_key("event_name"))
}

/// Attributes that hold whole messages as the conventions write them now.
const WRITTEN_OUT: [&str; 3] = ["gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"];

/// Whether the attributes hold whole messages: then nothing else of the record is one. `karat export` writes the events of earlier
/// conventions so.
fn is_written_out(gathered: &Gathered<'_>) -> bool {
    WRITTEN_OUT.iter().any(|key| gathered.exact(key).is_some())
}

/// The fields of a message event: the body's where it has any, the attributes' beside them.
fn fields(record: &LogRecord, body: &[KeyValue]) -> Map<String, Value> {
    let mut fields = value::object(&record.attributes, 0);
    if body.is_empty() {
        let parsed = record.body.as_ref().and_then(value::json);
        match parsed {
            Some(Value::Object(map)) => fields.extend(map),
            Some(Value::String(text)) if !fields.contains_key("content") => {
                fields.insert("content".into(), Value::String(text));
            }
            _ => {}
        }
    } else {
        fields.extend(value::object(body, 0));
    }
    fields
}

fn is_genai(gathered: &Gathered<'_>, event: &str) -> bool {
    let strong = |source: &Source<'_>| match source.slot {
        Slot::Operation | Slot::RequestModel | Slot::ResponseModel | Slot::InputTokens | Slot::OutputTokens => true,
        Slot::Input | Slot::Output | Slot::Provider => source.rank == 0,
        _ => false,
    };
    event.starts_with("gen_ai.")
        || gathered.sources().iter().any(strong)
        || (gathered.has(Slot::Session) && ["user_prompt", "assistant_response"].iter().any(|name| event.ends_with(name)))
}

fn read<'a>(gathered: &Gathered<'a>, told: Told, used: &mut Vec<Source<'a>>) -> Draft {
    let text = |slot| gathered.text(slot).map(String::from);
    let mut draft = Draft {
        request_model: text(Slot::RequestModel).or_else(|| text(Slot::Model)),
        response_model: text(Slot::ResponseModel),
        response_id: text(Slot::ResponseId),
        finish_reason: told.finish_reason,
        session_id: text(Slot::Session),
        user_id: text(Slot::User),
        input: told.input,
        output: told.output,
        ..Draft::default()
    };
    draft.usage.input = gathered.int(Slot::InputTokens);
    draft.usage.output = gathered.int(Slot::OutputTokens);
    draft.usage.cache_read = gathered.int(Slot::CacheRead);
    draft.usage.cache_write = gathered.int(Slot::CacheWrite);
    if draft.input.is_empty() && draft.output.is_empty() {
        let whole = is_written_out(gathered);
        let speaks = |source: &Source<'_>| !whole || WRITTEN_OUT.contains(&gathered.key(source.at));
        for source in gathered.of(Slot::System).filter(speaks) {
            if let Some(found) = gathered.json(source) {
                payload::system_parts(&found, &mut draft.system);
                used.push(source);
            }
        }
        for source in gathered.of(Slot::Input).filter(speaks).filter(|source| gathered.key(source.at) != "events") {
            if let Some(found) = gathered.json(source).filter(|_| draft.input.is_empty()) {
                payload::request(&found, &mut draft);
                used.push(source);
            }
        }
        for source in gathered.of(Slot::Output).chain(gathered.of(Slot::OutputText)).filter(speaks) {
            if let Some(found) = gathered.json(source).filter(|_| draft.output.is_empty()) {
                payload::response(&found, &mut draft);
                used.push(source);
            }
        }
        for source in gathered.of(Slot::ToolDefinitions).take(1) {
            draft.tools = gathered.json(source).as_ref().and_then(tools::definitions);
            used.push(source);
        }
    }
    draft
}

fn finish(gathered: &Gathered<'_>, mut draft: Draft, row: &mut schema::LogRecord) {
    row.dialect = Some(dialect::name(gathered, row.scope_name.as_deref()));
    row.operation = gathered.text(Slot::Operation).map(|name| operation::role(&name).map_or(name.into(), |role| role.operation().to_owned()));
    row.provider = gathered.of(Slot::Provider).find_map(|source| gathered.value(source.at).and_then(value::text).and_then(provider::family));
    draft.usage.settle();
    draft.part_system();
    row.request_model = draft.request_model;
    row.response_model = draft.response_model;
    row.response_id = draft.response_id;
    row.finish_reason = draft.finish_reason.or_else(|| gathered.text(Slot::Finish).map(|reason| messages::finish_reason(&reason)));
    row.input_tokens = draft.usage.input;
    row.output_tokens = draft.usage.output;
    row.session_id = draft.session_id;
    row.user_id = draft.user_id;
    row.system_instructions = part::list(&draft.system);
    row.input_messages = messages::list(&draft.input);
    row.output_messages = messages::list(&draft.output);
    row.tool_definitions = draft.tools.map(|tools| tools.to_string());
}
