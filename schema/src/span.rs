//! The row of `spans`: one flat row a span, in one schema for every dialect.

use crate::id::{SpanId, TraceId};
use crate::rows::table_row;
use crate::unit::{Day, Micros, NanoUsd};

table_row! {
    /// A span, with what its dialect said about the model call, the tool or the retrieval in columns that all dialects share.
    Span in Spans {
        /// Id of the trace, 32 lowercase hex digits.
        trace_id: TraceId,
        /// Id of the span, 16 lowercase hex digits.
        span_id: SpanId,
        /// Id of the span that caused this one; null at the root of a trace.
        parent_span_id: Option<SpanId>,
        /// When the span began, in UTC, to the microsecond; filter on it, files are pruned by it.
        start_time: Micros,
        /// The same moment in nanoseconds since 1970.
        start_unix_nano: i64,
        /// How long the span took, in nanoseconds; 0 where it ended before it began.
        duration_ns: i64,
        /// When karat received the span, in UTC.
        ingested_at: Micros,
        /// Partition: the UTC day of `start_time`, or of `ingested_at` where the span's clock cannot be right.
        date: Day,
        /// Name of the service, from the resource.
        service_name: Option<String>,
        /// Version of the service, from the resource.
        service_version: Option<String>,
        /// Deployment environment, such as `production`, from the resource.
        environment: Option<String>,
        /// Name of the span as sent.
        name: String,
        /// Kind of the span: `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
        kind: String,
        /// `ok`, `error` or `unset`.
        status: String,
        /// Message of the status.
        status_message: Option<String>,
        /// Class of the error, such as `RateLimitError`, `timeout` or `429`.
        error_type: Option<String>,
        /// Name of the instrumentation scope.
        scope_name: Option<String>,
        /// Version of the instrumentation scope.
        scope_version: Option<String>,
        /// The convention that was recognised, such as `openinference` or `gen_ai`; null for a span without GenAI content.
        dialect: Option<String>,
        /// OpenTelemetry's `gen_ai.operation.name`: `chat`, `embeddings`, `execute_tool`, `invoke_agent`, `retrieval`, ...
        operation: Option<String>,
        /// True where the span speaks for a call of a model: chat, completion, embeddings, rerank.
        is_llm_call: bool,
        /// Family of the provider, for grouping: `openai`, `anthropic`, `aws.bedrock`, `gcp.gemini`, ...
        provider: Option<String>,
        /// Provider as sent, such as `azure.ai.openai`; prices go by it first.
        provider_raw: Option<String>,
        /// Model that was asked for.
        request_model: Option<String>,
        /// Model that answered.
        response_model: Option<String>,
        /// Id that the provider gave the response.
        response_id: Option<String>,
        /// True where the response was streamed; null where the dialect does not say.
        streaming: Option<bool>,
        /// Time to the first token or chunk, in nanoseconds.
        ttft_ns: Option<i64>,
        /// Why the model stopped: `stop`, `length`, `tool_call`, `content_filter`, ...
        finish_reason: Option<String>,
        /// Sampling temperature that was asked for.
        temperature: Option<f64>,
        /// Nucleus sampling share that was asked for.
        top_p: Option<f64>,
        /// Limit of output tokens that was asked for.
        max_tokens: Option<i64>,
        /// All input tokens, cached ones included.
        input_tokens: Option<i64>,
        /// All output tokens, reasoning included.
        output_tokens: Option<i64>,
        /// Input tokens read from the provider's cache; part of `input_tokens`.
        cache_read_tokens: Option<i64>,
        /// Input tokens written to the provider's cache; part of `input_tokens`.
        cache_write_tokens: Option<i64>,
        /// Input tokens written to the cache for an hour; part of `cache_write_tokens`.
        cache_write_1h_tokens: Option<i64>,
        /// Output tokens spent on reasoning; part of `output_tokens`.
        reasoning_tokens: Option<i64>,
        /// Audio input tokens; part of `input_tokens`.
        audio_input_tokens: Option<i64>,
        /// Audio output tokens; part of `output_tokens`.
        audio_output_tokens: Option<i64>,
        /// Tier of service that was billed: `standard`, `batch`, `flex`, `priority`, ...
        service_tier: Option<String>,
        /// Cost in nano-dollars (1 USD = 1,000,000,000), as of the span's time; null where nothing could price it.
        cost_nanousd: Option<NanoUsd>,
        /// Where the cost came from: `reported` by the sender, `priced` by karat, or `unpriced`.
        cost_source: Option<String>,
        /// Session or conversation.
        session_id: Option<String>,
        /// End user.
        user_id: Option<String>,
        /// Name of the agent.
        agent_name: Option<String>,
        /// Name of the workflow or chain.
        workflow_name: Option<String>,
        /// Name of the tool that was run.
        tool_name: Option<String>,
        /// Id of the tool call that was answered.
        tool_call_id: Option<String>,
        /// Name of the prompt template.
        prompt_name: Option<String>,
        /// Version of the prompt template.
        prompt_version: Option<String>,
        /// Tags, a JSON list of text.
        tags: Option<String>,
        /// Every other attribute of the span, a JSON object with sorted keys; read it with `attributes->>'key'`.
        attributes: Option<String>,
        /// Attributes of the resource, a JSON object with sorted keys.
        resource: Option<String>,
        /// Span events, a JSON list of `{name, time_unix_nano, attributes}`.
        events: Option<String>,
        /// Span links, a JSON list of `{trace_id, span_id, attributes}`.
        links: Option<String>,
        /// System prompt, a JSON list of parts.
        system_instructions: Option<String>,
        /// Messages that were sent to the model, a JSON list of `{role, parts}` in OpenTelemetry's shapes.
        input_messages: Option<String>,
        /// Messages that came back, a JSON list of `{role, parts, finish_reason}`.
        output_messages: Option<String>,
        /// Tools that the model could call, a JSON list of `{type, name, description, parameters}`.
        tool_definitions: Option<String>,
        /// Arguments of the tool that was run, JSON where the sender sent JSON.
        tool_arguments: Option<String>,
        /// What the tool gave back.
        tool_result: Option<String>,
        /// Retrieved documents, a JSON list of `{id, score, content, metadata}`.
        documents: Option<String>,
        /// The last message of the user, as plain text; the query of a retrieval.
        input_text: Option<String>,
        /// The final answer, as plain text.
        output_text: Option<String>,
    }
}
