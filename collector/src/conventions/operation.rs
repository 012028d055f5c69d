//! Folds what senders call a span's kind to one role.

use serde_json::Value;

use super::keys::folded;
use super::value;

/// The part that a span plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// A call of a chat or completion model; the text is OpenTelemetry's name of it.
    Chat(&'static str),
    Embedding,
    Rerank,
    Retrieval,
    Tool,
    Agent,
    CreateAgent,
    Workflow,
    Guardrail,
    Memory,
    Evaluation,
    Prompt,
}

impl Role {
    /// OpenTelemetry's `gen_ai.operation.name` for the role.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Chat(name) => name,
            Self::Embedding => "embeddings",
            Self::Rerank => "rerank",
            Self::Retrieval => "retrieval",
            Self::Tool => "execute_tool",
            Self::Agent => "invoke_agent",
            Self::CreateAgent => "create_agent",
            Self::Workflow => "invoke_workflow",
            Self::Guardrail => "guardrail",
            Self::Memory => "memory",
            Self::Evaluation => "evaluate",
            Self::Prompt => "prompt",
        }
    }

    /// Whether a span of this role speaks for a call of a model.
    pub(super) fn is_call(&self) -> bool {
        matches!(self, Self::Chat(_) | Self::Embedding | Self::Rerank)
    }

    /// How much a sender means it: a span that is called both a chain and a chat is a chain, which many wrappers forget.
    fn weight(&self) -> u8 {
        match self {
            Self::Chat(_) => 1,
            Self::Workflow => 2,
            Self::Prompt => 3,
            Self::Embedding => 4,
            Self::Agent | Self::CreateAgent => 5,
            Self::Tool | Self::Retrieval | Self::Rerank | Self::Guardrail | Self::Memory | Self::Evaluation => 6,
        }
    }
}

/// Picks the role out of what several keys say; of two that weigh the same the first wins.
pub(super) fn pick(roles: impl Iterator<Item = Role>) -> Option<Role> {
    roles.fold(None, |best: Option<Role>, role| match best {
        Some(best) if best.weight() >= role.weight() => Some(best),
        _ => Some(role),
    })
}

/// The role that a value of a key for kinds names: a JSON object may hold it as its `type`, and any compound with `chat` is one.
pub(super) fn role_of_kind(value: &str) -> Option<Role> {
    if let Some(Value::Object(map)) = value::parse(value).filter(|_| value.starts_with('{')) {
        return role(map.get("type")?.as_str()?);
    }
    role(value).or_else(|| {
        let words = folded(value.split_whitespace().next().unwrap_or_default());
        (value.len() <= 128 && words.split('_').any(|word| word == "chat")).then_some(Role::Chat("chat"))
    })
}

/// The role that a value such as `LLM`, `"CHAT_MODEL"`, `ai.generateText.doGenerate` or `OpenAIChatGenerator` names.
pub(super) fn role(value: &str) -> Option<Role> {
    let value = value.split_whitespace().next()?;
    if value.len() > 128 {
        return None;
    }
    let words = folded(value);
    exact(&words).or_else(|| by_words(&words))
}

fn exact(words: &str) -> Option<Role> {
    Some(match words {
        "chat" | "llm" | "generation" | "llm_call" | "llm_request" | "chat_model" | "model_inference" | "acompletion" | "completion" | "model"
        | "inference" | "chat_completion" | "chat_completions" | "response" | "responses" | "generate" | "converse" | "invoke_model" | "messages"
        | "aresponses" | "handle_responses" => Role::Chat("chat"),
        "generate_content" => Role::Chat("generate_content"),
        "text_completion" | "atext_completion" => Role::Chat("text_completion"),
        "embeddings" | "embedding" | "aembedding" | "embed" | "embedder" => Role::Embedding,
        "rerank" | "reranker" | "arerank" | "ranker" => Role::Rerank,
        "retrieval" | "retriever" | "retrieve" | "search" | "vector_db_retrieve" | "vector_search" => Role::Retrieval,
        "execute_tool" | "tool" | "tool_call" | "function" | "function_call" | "mcp_tool_call" | "tool_execution" => Role::Tool,
        "invoke_agent" | "agent" | "agent_run" | "invoke_crew" => Role::Agent,
        "create_agent" => Role::CreateAgent,
        "guardrail" | "guardrail_check" | "moderation" => Role::Guardrail,
        "evaluator" | "evaluation" | "evaluate" | "scorer" => Role::Evaluation,
        "prompt" | "parser" | "output_parser" | "prompt_template" => Role::Prompt,
        "chain"
        | "workflow"
        | "task"
        | "flow"
        | "invoke_workflow"
        | "agent_step"
        | "execute_event_loop_cycle"
        | "plan"
        | "execute_task"
        | "agent_handoff"
        | "handoff"
        | "model_generation"
        | "model_step"
        | "model_chunk"
        | "interaction"
        | "pipeline"
        | "step"
        | "decision"
        | "fetch_response"
        | "llm_node"
        | "framework" => Role::Workflow,
        "ai_generate_text" | "ai_stream_text" | "ai_generate_object" | "ai_stream_object" => Role::Workflow,
        "ai_embed" | "ai_embed_many" => Role::Workflow,
        _ => return None,
    })
}

/// Endings and parts of compound names, such as class names and operation ids.
fn by_words(words: &str) -> Option<Role> {
    const ENDINGS: &[(&str, Role)] = &[
        ("do_generate", Role::Chat("chat")),
        ("do_stream", Role::Chat("chat")),
        ("do_embed", Role::Embedding),
        ("do_rerank", Role::Rerank),
        ("tool_call", Role::Tool),
        ("embedder", Role::Embedding),
        ("embedding", Role::Embedding),
        ("embeddings", Role::Embedding),
        ("retriever", Role::Retrieval),
        ("ranker", Role::Rerank),
        ("chat_generator", Role::Chat("chat")),
        ("generator", Role::Chat("text_completion")),
        ("prompt_builder", Role::Prompt),
        ("agent", Role::Agent),
        ("agent_run", Role::Agent),
        ("memory", Role::Memory),
        ("memory_store", Role::Memory),
        ("tool_invoker", Role::Workflow),
        ("guardrail", Role::Guardrail),
        ("chat_model", Role::Chat("chat")),
        ("chat_completion", Role::Chat("chat")),
        ("chat_completions", Role::Chat("chat")),
        ("llm", Role::Chat("chat")),
    ];
    ENDINGS.iter().find(|(ending, _)| words.strip_suffix(ending).is_some_and(|rest| rest.ends_with('_'))).map(|(_, role)| role.clone())
}

#[cfg(test)]
mod tests {
    use super::{Role, pick, role};

    #[test]
    fn kinds_fold() {
        assert_eq!(role("CHAT_MODEL"), Some(Role::Chat("chat")));
        assert_eq!(role("ai.generateText.doGenerate capital"), Some(Role::Chat("chat")));
        assert_eq!(role("ai.generateText"), Some(Role::Workflow));
        assert_eq!(role("OpenAITextEmbedder"), Some(Role::Embedding));
        assert_eq!(role("span"), None);
    }

    #[test]
    fn a_wrapper_beats_a_chat() {
        let said = [role("LLM"), role("invoke_agent")];
        assert_eq!(pick(said.into_iter().flatten()), Some(Role::Agent));
        let said = [role("retriever"), role("embeddings")];
        assert_eq!(pick(said.into_iter().flatten()), Some(Role::Retrieval));
    }
}
