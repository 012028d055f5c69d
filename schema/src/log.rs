//! The row of `logs`.

use crate::id::{SpanId, TraceId};
use crate::rows::table_row;
use crate::unit::{Day, Micros};

table_row! {
    /// A log record; where it is a GenAI event, its content stands in columns that `spans` has too.
    LogRecord in Logs {
        /// When the event happened, in UTC; when it was observed, where the sender gave no time.
        time: Micros,
        /// The same moment in nanoseconds since 1970.
        time_unix_nano: i64,
        /// When karat received the record, in UTC.
        ingested_at: Micros,
        /// Partition: the UTC day of `time`, or of `ingested_at` where the record's clock cannot be right.
        date: Day,
        /// Id of the trace that the record belongs to.
        trace_id: Option<TraceId>,
        /// Id of the span that the record belongs to.
        span_id: Option<SpanId>,
        /// Severity from 1 (trace) to 24 (fatal); null where the sender gave none.
        severity_number: Option<i64>,
        /// Severity as the sender calls it.
        severity_text: Option<String>,
        /// Name of the event, such as `gen_ai.choice`.
        event_name: Option<String>,
        /// Name of the service, from the resource.
        service_name: Option<String>,
        /// Deployment environment, from the resource.
        environment: Option<String>,
        /// Name of the instrumentation scope.
        scope_name: Option<String>,
        /// Version of the instrumentation scope.
        scope_version: Option<String>,
        /// The convention that was recognised; null for a record without GenAI content.
        dialect: Option<String>,
        /// OpenTelemetry's `gen_ai.operation.name`, where the record speaks for a call.
        operation: Option<String>,
        /// Family of the provider.
        provider: Option<String>,
        /// Model that was asked for.
        request_model: Option<String>,
        /// Model that answered.
        response_model: Option<String>,
        /// Id that the provider gave the response.
        response_id: Option<String>,
        /// Why the model stopped.
        finish_reason: Option<String>,
        /// All input tokens, where the record states them.
        input_tokens: Option<i64>,
        /// All output tokens, where the record states them.
        output_tokens: Option<i64>,
        /// Session or conversation.
        session_id: Option<String>,
        /// End user.
        user_id: Option<String>,
        /// Attributes, a JSON object with sorted keys.
        attributes: Option<String>,
        /// Attributes of the resource, a JSON object with sorted keys.
        resource: Option<String>,
        /// Body: plain text, or JSON where the sender sent structure.
        body: Option<String>,
        /// System prompt, a JSON list of parts.
        system_instructions: Option<String>,
        /// Messages that were sent to the model, a JSON list of `{role, parts}`.
        input_messages: Option<String>,
        /// Messages that came back, a JSON list of `{role, parts, finish_reason}`.
        output_messages: Option<String>,
        /// Tools that the model could call.
        tool_definitions: Option<String>,
    }
}
