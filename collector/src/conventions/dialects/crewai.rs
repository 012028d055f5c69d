//! OpenInference's CrewAI spans tell of no call but of the crew's run with its token usage: where it made one request, it speaks for it.

use serde_json::json;

use super::Seen;
use crate::conventions::draft::Draft;
use crate::conventions::keys::Slot;
use crate::conventions::usage::Usage;
use crate::conventions::{messages, part, payload, value};

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope == "openinference.instrumentation.crewai"
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.operation.as_deref() == Some("invoke_agent") {
        let id = seen.gathered.exact("graph.node.id").and_then(value::text);
        row.agent_name = id.map(str::to_owned).or(row.agent_name.take());
    }
    if !row.name.ends_with(".kickoff") {
        return;
    }
    let Some(output) = seen.gathered.of(Slot::Output).find_map(|source| seen.gathered.json(source)) else { return };
    let mut usage = Usage::default();
    usage.fill(&output["token_usage"]);
    usage.settle();
    let requests = output["token_usage"]["successful_requests"].as_i64();
    if usage.output.unwrap_or(0) == 0 || requests != Some(1) {
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
    payload::request(&output["tasks_output"][0]["messages"], &mut draft);
    draft.part_system();
    row.system_instructions = part::list(&draft.system);
    row.input_text = draft.input_text();
    row.input_messages = messages::list(&draft.input);
}
