//! Tells what an attribute's key means, by the longest ending of the key that is known.
//!
//! Senders agree on words more than on prefixes: `llm.usage.prompt_tokens`, `acme.usage.promptTokens` and `prompt_tokens` mean the
//! same. A key is folded to lowercase words joined by `_`, and its endings are looked up from the longest to the shortest.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What an attribute tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// `gen_ai.operation.name`.
    Operation,
    /// What kind of span its sender says that it is.
    Kind,
    McpMethod,
    Provider,
    RequestModel,
    /// A model of which it is not said whether it was asked for or answered.
    Model,
    ResponseModel,
    ResponseId,
    Streaming,
    /// Time to the first token; the unit follows from the type: whole numbers are milliseconds, others seconds.
    Ttft,
    TtftMs,
    /// Wall clock time of the first token.
    FirstTokenTime,
    Finish,
    Temperature,
    TopP,
    MaxTokens,
    /// JSON object of request settings.
    Settings,
    InputTokens,
    OutputTokens,
    TotalTokens,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    AudioInput,
    AudioOutput,
    /// JSON object of token counts.
    Usage,
    ServiceTier,
    Cost,
    /// JSON object of costs.
    Costs,
    Session,
    User,
    Agent,
    Workflow,
    ToolName,
    ToolCallId,
    ToolArguments,
    ToolResult,
    PromptName,
    PromptVersion,
    Tags,
    /// What went into the span: messages, a request, or bare text.
    Input,
    System,
    /// What came out of the span: messages, a response, or bare text.
    Output,
    OutputText,
    OutputObject,
    OutputReasoning,
    OutputToolCalls,
    ToolDefinitions,
    Documents,
    Query,
    /// Texts that were embedded, or their vectors.
    Embeddings,
    Vectors,
    ErrorType,
    /// Severity that the sender gave the span, such as `ERROR`.
    Level,
    Success,
    /// JSON object of anything, perhaps with a session or a user in it.
    Metadata,
    /// Known to mean nothing here.
    Ignored,
}

/// What a key means and how good a source it is: 0 is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub slot: Slot,
    pub rank: u8,
}

/// Longest key that is looked at.
const KEY_BYTES_MAX: usize = 160;
/// Keys whose meaning is remembered, a thread.
const REMEMBERED_MAX: usize = 4096;

thread_local! {
    static REMEMBERED: RefCell<HashMap<Box<str>, Option<Meaning>>> = RefCell::new(HashMap::new());
}

/// The meaning of a key, if it has one.
pub(super) fn meaning(key: &str) -> Option<Meaning> {
    if key.len() > KEY_BYTES_MAX {
        return None;
    }
    REMEMBERED.with_borrow_mut(|remembered| {
        if let Some(meaning) = remembered.get(key) {
            return *meaning;
        }
        let meaning = work_out(key);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key.into(), meaning);
        meaning
    })
}

fn work_out(key: &str) -> Option<Meaning> {
    let words = folded(key);
    if IGNORED_WITHIN.iter().any(|part| words.contains(part)) {
        return Some(Meaning { slot: Slot::Ignored, rank: 0 });
    }
    let mut rest = words.as_str();
    loop {
        if let Some(meaning) = ENDINGS.get(rest) {
            return Some(*meaning).filter(|meaning| rest.len() == words.len() || !WHOLE_ONLY.contains(&(rest, meaning.slot)));
        }
        rest = rest.split_once('_')?.1;
    }
}

/// Lowercase words joined by `_`: `ai.usage.inputTokens` and `ai.usage.input_tokens` are the same.
pub(super) fn folded(key: &str) -> String {
    let mut words = String::with_capacity(key.len() + 8);
    let mut lower = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            if lower {
                words.push('_');
            }
            words.push(c.to_ascii_lowercase());
            lower = false;
        } else if c.is_ascii_alphanumeric() {
            words.push(c);
            lower = true;
        } else {
            if !words.ends_with('_') {
                words.push('_');
            }
            lower = false;
        }
    }
    words.trim_matches('_').to_owned()
}

static ENDINGS: LazyLock<HashMap<&'static str, Meaning>> = LazyLock::new(|| {
    let mut endings = HashMap::new();
    for (slot, rows) in TABLE {
        for (rank, row) in (0_u8..).zip(rows.iter()) {
            for ending in *row {
                endings.insert(*ending, Meaning { slot: *slot, rank });
            }
        }
    }
    endings
});

/// Keys that hold one of these say nothing about the call itself.
const IGNORED_WITHIN: &[&str] = &[
    "aggregated_usage",
    "user_api_key",
    "langsmith_metadata_langsmith",
    "checkpoint",
    "json_schema",
    "logfire_",
    "providermetadata",
    "provider_metadata",
    "size_bytes",
    "request_headers",
    "telemetry_sdk",
    "input_spec",
    "output_spec",
    "input_types",
];

/// Endings that are too common to mean anything behind a prefix.
const WHOLE_ONLY: &[(&str, Slot)] = &[
    ("name", Slot::ToolName),
    ("success", Slot::Success),
    ("stream", Slot::Streaming),
    ("level", Slot::Level),
    ("query", Slot::Query),
    ("type", Slot::Kind),
    ("request_id", Slot::ResponseId),
    ("content", Slot::Output),
];

/// Endings by slot, best source first; the rows of a slot are its ranks.
const TABLE: &[(Slot, &[&[&str]])] = &[
    (Slot::Operation, &[&["gen_ai_operation_name"]]),
    (
        Slot::Kind,
        &[
            &["span_kind", "span_type", "braintrust_span_attributes", "observation_type", "run_type", "as_type", "genkit_metadata_subtype"],
            &["operation_id", "llm_request_type", "request_type", "component_type", "genkit_type", "step_type", "node_type"],
            &["operation_name", "type"],
        ],
    ),
    (Slot::McpMethod, &[&["mcp_method_name", "mcp_method"]]),
    (
        Slot::Provider,
        &[
            &["gen_ai_provider_name"],
            &["gen_ai_system"],
            &["llm_provider", "model_provider", "ls_provider", "model_provider_name"],
            &["llm_system", "llm_vendor"],
            &["provider_name", "llm_api_provider", "provider", "model_vendor", "vendor"],
        ],
    ),
    (
        Slot::RequestModel,
        &[
            &["gen_ai_request_model"],
            &["request_model_name", "request_model", "llm_request_model"],
            &["ai_model_id", "model_id", "requested_model"],
            &["ls_model_name"],
        ],
    ),
    (
        Slot::Model,
        &[
            &["embedding_model_name", "reranker_model_name", "llm_model_name", "observation_model_name"],
            &["model_name", "llm_model", "generation_model", "model"],
        ],
    ),
    (Slot::ResponseModel, &[&["gen_ai_response_model"], &["response_model_name", "response_model", "response_model_id"], &["mlflow_llm_model"]]),
    (Slot::ResponseId, &[&["gen_ai_response_id"], &["response_id", "completion_id", "ai_response_id"], &["llm_request_id", "request_id"]]),
    (
        Slot::Streaming,
        &[
            &["gen_ai_request_stream", "request_stream", "is_streaming", "request_streaming", "gen_ai_is_streaming"],
            &["streaming", "is_stream", "stream"],
        ],
    ),
    (
        Slot::Ttft,
        &[&["response_time_to_first_chunk", "time_to_first_chunk"], &["time_to_first_token", "ttft", "time_to_first_byte", "first_token_latency"]],
    ),
    (Slot::TtftMs, &[&["ms_to_first_chunk", "ms_to_first_token"], &["ttft_ms", "time_to_first_token_ms", "time_to_first_chunk_ms"]]),
    (Slot::FirstTokenTime, &[&["completion_start_time", "first_token_time", "first_token_at", "first_chunk_time"]]),
    (
        Slot::Finish,
        &[
            &["gen_ai_response_finish_reasons", "response_finish_reasons"],
            &["response_finish_reason", "finish_reasons"],
            &["finish_reason", "stop_reason"],
        ],
    ),
    (Slot::Temperature, &[&["request_temperature"], &["settings_temperature", "parameters_temperature"], &["temperature"]]),
    (Slot::TopP, &[&["request_top_p"], &["top_p"]]),
    (
        Slot::MaxTokens,
        &[&["request_max_tokens"], &["max_output_tokens", "max_tokens", "max_completion_tokens", "max_new_tokens", "max_tokens_to_sample"]],
    ),
    (
        Slot::Settings,
        &[
            &["invocation_parameters", "model_parameters", "invocation_params", "braintrust_metadata"],
            &["request_data", "request_parameters", "llm_parameters", "model_kwargs", "generation_config", "model_config"],
        ],
    ),
    (
        Slot::InputTokens,
        &[
            &["gen_ai_usage_input_tokens"],
            &["usage_input_tokens", "usage_prompt_tokens", "token_count_prompt"],
            &["input_token_count", "prompt_token_count", "usage_tokens", "tokens_input", "tokens_prompt", "usage_input", "usage_prompt"],
            &["input_tokens", "prompt_tokens", "token_count_input", "prompt_eval_count", "usage_input_tokens_total"],
        ],
    ),
    (
        Slot::OutputTokens,
        &[
            &["gen_ai_usage_output_tokens"],
            &["usage_output_tokens", "usage_completion_tokens", "token_count_completion"],
            &["output_token_count", "completion_token_count", "candidates_token_count", "tokens_output", "tokens_completion"],
            &["output_tokens", "completion_tokens", "token_count_output", "eval_count", "usage_output", "usage_completion"],
        ],
    ),
    (Slot::TotalTokens, &[&["usage_total_tokens", "token_count_total"], &["total_tokens", "total_token_count", "usage_total"]]),
    (
        Slot::CacheRead,
        &[
            &["usage_cache_read_input_tokens", "prompt_details_cache_read"],
            &["cache_read_input_tokens", "cached_input_tokens", "cache_read_tokens", "input_cached_tokens", "input_tokens_cached"],
            &["cached_tokens", "cached_token_count", "cached_content_token_count", "cache_read", "prompt_tokens_cached", "cached_content_tokens"],
        ],
    ),
    (
        Slot::CacheWrite,
        &[
            &["usage_cache_write_input_tokens", "usage_cache_creation_input_tokens", "prompt_details_cache_write"],
            &["cache_write_input_tokens", "cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens"],
            &["cache_write", "cache_creation"],
        ],
    ),
    (Slot::CacheWrite1h, &[&["ephemeral_1h_input_tokens", "cache_creation_1h_input_tokens", "cache_write_1h_input_tokens"]]),
    (
        Slot::Reasoning,
        &[
            &["usage_reasoning_output_tokens", "completion_details_reasoning"],
            &["reasoning_output_tokens", "output_reasoning_tokens", "reasoning_tokens", "reasoning_token_count"],
            &["thoughts_token_count", "thinking_tokens", "thoughts_tokens", "thought_tokens"],
        ],
    ),
    (Slot::AudioInput, &[&["usage_audio_input_tokens", "prompt_details_audio", "input_audio_tokens", "audio_input_tokens"]]),
    (Slot::AudioOutput, &[&["usage_audio_output_tokens", "completion_details_audio", "output_audio_tokens", "audio_output_tokens"]]),
    (
        Slot::Ignored,
        &[&[
            "text_input_tokens",
            "image_input_tokens",
            "video_input_tokens",
            "text_output_tokens",
            "image_output_tokens",
            "video_output_tokens",
            "mcp_session_id",
            "trace_session_id",
            "trace_session_name",
            "rejected_prediction_tokens",
            "accepted_prediction_tokens",
            "per_second",
            "server_request_duration",
            "tool_token_count",
            "logging_session_id",
            "output_type",
            "tool_type",
            "encoding_formats",
            "client_token_usage",
            "error_message",
            "exception_message",
            "status_message",
            "http_response_body_size",
            "db_operation_name",
            "rpc_system",
            "db_system",
            "messaging_operation_type",
            "cloud_provider",
            "feature_flag_provider_name",
            "device_model_name",
            "device_model",
            "input_mime_type",
            "output_mime_type",
            "mcp_server_session_id",
            "db_operation_type",
            "graphql_operation_type",
            "terminal_type",
            "event_session",
            "span_function_name",
            "db_query_text",
            "db_statement",
            "url_query",
            "http_request_id",
        ]],
    ),
    (
        Slot::Usage,
        &[
            &["usage_details", "token_usage", "usage_metadata", "chat_token_usage"],
            &["usage_object", "usage_raw", "usage", "usages", "usage_info", "braintrust_metrics"],
            &["input_token_details", "output_token_details", "prompt_tokens_details", "completion_tokens_details"],
        ],
    ),
    (Slot::ServiceTier, &[&["response_service_tier"], &["request_service_tier"], &["service_tier"]]),
    (
        Slot::Cost,
        &[
            &["operation_cost", "gen_ai_usage_cost", "cost_total", "cost_total_cost", "llm_cost_total", "usage_cost"],
            &["total_cost", "response_cost", "cost_usd", "usage_total_cost"],
        ],
    ),
    (Slot::Costs, &[&["cost_details", "llm_cost"]]),
    (
        Slot::Session,
        &[&["session_id"], &["gen_ai_conversation_id", "conversation_id", "thread_id", "chat_id"], &["group_id", "dialog_id", "chat_session_id"]],
    ),
    (
        Slot::User,
        &[
            &["user_id", "enduser_id", "end_user_id"],
            &["llm_user", "request_user", "gen_ai_user", "end_user"],
            &["user_account_id", "user_account_uuid", "account_id"],
        ],
    ),
    (
        Slot::Agent,
        &[
            &["gen_ai_agent_name"],
            &["agent_name"],
            &["lc_agent_name", "assistant_name"],
            &["graph_node_name", "graph_node_id", "telemetry_function_id"],
        ],
    ),
    (Slot::Workflow, &[&["gen_ai_workflow_name"], &["workflow_name"], &["chain_name", "flow_name", "pipeline_name", "crew_name"]]),
    (
        Slot::ToolName,
        &[&["gen_ai_tool_name"], &["tool_name", "tool_call_name", "toolcall_name", "function_name"], &["mcp_tool_name", "task_name", "entity_name"]],
    ),
    (Slot::ToolCallId, &[&["gen_ai_tool_call_id"], &["tool_call_id", "toolcall_id", "tool_use_id", "tool_id"]]),
    (
        Slot::ToolArguments,
        &[
            &["gen_ai_tool_call_arguments", "tool_call_arguments"],
            &["tool_arguments", "tool_call_args", "toolcall_args", "tool_args", "tool_input", "function_args", "function_arguments"],
            &["tool_call_input", "toolcall_input", "tool_parameters", "full_command"],
        ],
    ),
    (
        Slot::ToolResult,
        &[
            &["gen_ai_tool_call_result", "tool_call_result"],
            &["tool_response", "tool_result", "toolcall_result", "tool_output", "function_result", "function_response"],
            &["tool_call_output", "toolcall_output", "tool_call_response"],
        ],
    ),
    (Slot::PromptName, &[&["gen_ai_prompt_name"], &["prompt_name", "prompt_key", "prompt_template_name", "prompt_id"]]),
    (Slot::PromptVersion, &[&["gen_ai_prompt_version"], &["prompt_version", "prompt_template_version"]]),
    (Slot::Tags, &[&["tag_tags", "trace_tags"], &["association_properties_tags", "span_tags", "tags"]]),
    (
        Slot::Input,
        &[
            &["gen_ai_input_messages"],
            &["input_messages", "prompt_messages", "all_messages", "request_messages", "llm_messages", "all_messages_events", "chat_ctx"],
            &["gen_ai_prompt", "llm_prompts", "content_prompt", "ai_prompt"],
            &["span_input", "span_inputs", "observation_input", "input_value", "input_json", "component_input", "genkit_input", "llm_input"],
            &["entity_input", "task_input", "inputs", "input", "raw_input", "messages", "request_body", "run_input", "model_generation_input"],
            &["input_data", "user_prompt", "prompt", "prompts", "contents", "question", "chat_history", "events"],
        ],
    ),
    (
        Slot::System,
        &[&["gen_ai_system_instructions"], &["system_instructions", "system_instruction", "system_prompt"], &["instructions", "system_message"]],
    ),
    (
        Slot::Output,
        &[
            &["gen_ai_output_messages"],
            &["output_messages", "response_messages", "completion_messages"],
            &["gen_ai_completion", "llm_completions", "content_completion"],
            &["span_output", "span_outputs", "observation_output", "output_value", "output_json", "component_output", "genkit_output", "llm_output"],
            &["entity_output", "task_output", "outputs", "output", "choices", "raw_output", "response_body", "run_output", "model_generation_output"],
            &["final_result", "output_data", "completion", "completions", "response", "result", "response_data", "return_value", "content"],
        ],
    ),
    (Slot::OutputText, &[&["response_text"], &["output_text", "completion_text", "generated_text"]]),
    (Slot::OutputObject, &[&["response_object"]]),
    (Slot::OutputReasoning, &[&["response_reasoning"], &["reasoning_content", "output_reasoning"]]),
    (Slot::OutputToolCalls, &[&["response_tool_calls"], &["output_tool_calls", "response_function_calls"]]),
    (
        Slot::ToolDefinitions,
        &[
            &["gen_ai_tool_definitions"],
            &["tool_definitions", "llm_tools", "chat_tools", "request_functions", "prompt_tools", "request_tools", "available_tools"],
            &["function_tools", "functions", "model_request_parameters", "tools"],
            &["agent_tools"],
        ],
    ),
    (
        Slot::Documents,
        &[
            &["gen_ai_retrieval_documents", "retrieval_documents"],
            &["reranker_output_documents", "output_documents", "retrieved_documents"],
            &["retrieved_context", "source_documents", "documents"],
        ],
    ),
    (Slot::Query, &[&["retrieval_query_text", "retrieval_query"], &["reranker_query", "search_query", "query_text"], &["query"]]),
    (Slot::Embeddings, &[&["embedding_embeddings"], &["ai_values", "embedding_text", "embedding_input", "values", "texts", "ai_value"]]),
    (Slot::Vectors, &[&["ai_embeddings", "ai_embedding", "embedding_vector", "embeddings", "vector"]]),
    (Slot::ErrorType, &[&["error_type"], &["exception_type"], &["error_code"], &["http_response_status_code", "http_status_code"]]),
    (Slot::Level, &[&["observation_level"], &["level"]]),
    (Slot::Success, &[&["success"]]),
    (Slot::Metadata, &[&["metadata", "association_properties", "trace_metadata"]]),
];

#[cfg(test)]
mod tests {
    use super::{Slot, folded, meaning};

    #[track_caller]
    fn check(key: &str, expect: Slot) {
        assert_eq!(meaning(key).map(|meaning| meaning.slot), Some(expect), "{key}");
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(folded("ai.usage.inputTokens"), "ai_usage_input_tokens");
        assert_eq!(folded("genkit:metadata:subtype"), "genkit_metadata_subtype");
        assert_eq!(folded("mlflow.spanInputs"), "mlflow_span_inputs");
    }

    #[test]
    fn the_longest_ending_wins() {
        check("gen_ai.usage.cache_read.input_tokens", Slot::CacheRead);
        check("acme.usage.promptTokens", Slot::InputTokens);
        check("lmnr.association.properties.session_id", Slot::Session);
        check("mcp.session.id", Slot::Ignored);
        check("llm.token_count.completion_details.reasoning", Slot::Reasoning);
        check("ai.toolCall.args", Slot::ToolArguments);
        check("gen_ai.aggregated_usage.input_tokens", Slot::Ignored);
    }
}
