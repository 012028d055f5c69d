//! A run that says how many requests it made: where it made one and nothing inside it tells of that, it speaks for the call.

use serde_json::{Value, json};

use super::draft::Draft;
use super::gather::Gathered;
use super::keys::Slot;
use super::usage::Usage;
use super::{messages, part, payload, value};

/// The count of requests beside the tokens that they took, as in LangChain's and CrewAI's usage metrics.
const COUNT: &str = "successful_requests";

/// Makes a run of one request the call that it was.
pub(super) fn of_one_request(gathered: &Gathered<'_>, row: &mut schema::Span) {
    if row.is_llm_call {
        return;
    }
    let counts = |at: usize| gathered.value(at).and_then(value::text).is_some_and(|text| text.contains(COUNT));
    let Some(output) = gathered.of(Slot::Output).filter(|source| counts(source.at)).find_map(|source| gathered.json(source)) else { return };
    let metrics = ["token_usage", "usage_metrics", "usage"].iter().map(|key| &output[*key]).find(|metrics| metrics[COUNT].is_number());
    let Some(metrics) = metrics.filter(|metrics| metrics[COUNT] == 1) else { return };
    let mut usage = Usage::default();
    usage.fill(metrics);
    usage.settle();
    if usage.output.unwrap_or(0) == 0 {
        return;
    }
    row.is_llm_call = true;
    row.operation = Some("chat".to_owned());
    (row.input_tokens, row.output_tokens) = (usage.input, usage.output);
    (row.cache_read_tokens, row.reasoning_tokens) = (usage.cache_read, usage.reasoning);
    if let Some(text) = output["raw"].as_str() {
        row.output_text = Some(text.to_owned());
        row.output_messages = Some(json!([{"role": "assistant", "parts": [{"type": "text", "content": text}]}]).to_string());
    }
    let mut draft = Draft::default();
    let sent = [&output["tasks_output"][0]["messages"], &output["messages"]].into_iter().find(|sent| sent.is_array());
    payload::request(sent.unwrap_or(&Value::Null), &mut draft);
    draft.part_system();
    row.system_instructions = part::list(&draft.system);
    row.input_text = draft.input_text();
    row.input_messages = messages::list(&draft.input);
}
