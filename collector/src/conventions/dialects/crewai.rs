//! OpenInference's CrewAI spans name the agent by the node of its graph.

use super::Seen;
use crate::conventions::value;

pub(super) fn speaks(seen: &Seen<'_, '_>) -> bool {
    seen.scope == "openinference.instrumentation.crewai"
}

pub(super) fn refine(seen: &Seen<'_, '_>, row: &mut schema::Span) {
    if row.operation.as_deref() == Some("invoke_agent") {
        let id = seen.gathered.exact("graph.node.id").and_then(value::text);
        row.agent_name = id.map(str::to_owned).or(row.agent_name.take());
    }
}
