//! One schema out of many dialects: reads GenAI spans and log records of any instrumentation into the same columns.
//!
//! Keys are told apart by their words (`keys`), messages by their shape (`messages`, `parts`), a provider's own requests and
//! responses by their fields (`payload`). What that cannot know stands in one file a dialect.

mod beside;
mod canonical;
mod dialect;
mod dialects;
mod documents;
mod draft;
mod events;
mod flat;
mod gather;
mod keys;
mod leftover;
mod log;
mod messages;
mod operation;
mod part;
mod parts;
mod payload;
mod provider;
mod python;
mod run;
mod score;
mod settle;
mod span;
mod tools;
mod usage;
mod value;

pub use log::{LogInput, interpret_log};
pub use score::{scores_of_log, scores_of_span};
pub use settle::settle;
pub use span::{SpanInput, interpret_span};

/// The conventions, with what is switched off; the default switches nothing off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conventions<'a> {
    /// Dialect whose own file is not used, for measuring what the general families know alone.
    pub disabled: Option<&'a str>,
}

impl Conventions<'_> {
    /// Fills every GenAI column of `row`.
    pub fn interpret_span(&self, input: &SpanInput<'_>, row: &mut schema::Span) {
        span::interpret(input, self.disabled, row);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::Span;

    use super::*;

    fn attribute(key: &str, value: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    fn text(key: &str, value: &str) -> KeyValue {
        attribute(key, Any::StringValue(value.to_owned()))
    }

    #[track_caller]
    fn read(scope: &str, name: &str, attributes: Vec<KeyValue>) -> schema::Span {
        let span = Span { name: name.to_owned(), attributes, ..Span::default() };
        let scope = InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() };
        let mut row = schema::Span { name: name.to_owned(), scope_name: Some(scope.name.clone()), ..schema::Span::default() };
        interpret_span(&SpanInput { resource: &[], scope: Some(&scope), span: &span }, &mut row);
        row
    }

    /// A dialect that nobody wrote a file for.
    #[test]
    fn an_unknown_dialect_is_read_by_its_words() {
        let row = read(
            "acme.tracer",
            "call",
            vec![
                text("acme.span.kind", "LLM"),
                text("acme.model", "gpt-4o"),
                text("acme.usage", r#"{"promptTokens": 12, "completionTokens": 3}"#),
                text("acme.input", r#"{"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]}"#),
                text("acme.output", r#"{"role": "assistant", "content": "hello"}"#),
                text("acme.session_id", "s-1"),
                text("acme.colour", "blue"),
            ],
        );
        assert!(row.is_llm_call);
        assert_eq!((row.operation.as_deref(), row.provider.as_deref(), row.request_model.as_deref()), (Some("chat"), Some("openai"), Some("gpt-4o")));
        assert_eq!((row.input_tokens, row.output_tokens), (Some(12), Some(3)));
        assert_eq!((row.input_text.as_deref(), row.output_text.as_deref(), row.session_id.as_deref()), (Some("hi"), Some("hello"), Some("s-1")));
        assert!(row.attributes.unwrap().contains(r#""acme.colour":"blue""#));
    }

    /// What has nothing to do with a model loses nothing and gains nothing.
    #[test]
    fn other_spans_are_left_alone() {
        let row = read("http", "GET /", vec![text("http.method", "GET"), text("url.query", "q=1"), text("user.id", "u-1")]);
        assert_eq!(row.attributes.as_deref(), Some(r#"{"http.method":"GET","url.query":"q=1","user.id":"u-1"}"#));
        assert_eq!((row.dialect, row.operation, row.user_id.as_deref()), (None, None, Some("u-1")));
    }

    /// What has no column of its own is found in the JSON column.
    #[test]
    fn nothing_beside_the_attributes_is_lost() {
        let span = Span { trace_state: "vendor=1".to_owned(), dropped_events_count: 3, attributes: vec![text("a", "b")], ..Span::default() };
        let scope = InstrumentationScope { attributes: vec![text("team", "search")], ..InstrumentationScope::default() };
        let mut row = schema::Span::default();
        interpret_span(&SpanInput { resource: &[], scope: Some(&scope), span: &span }, &mut row);
        let expected = r#"{"a":"b","otel.dropped_events_count":3,"otel.scope.team":"search","w3c.tracestate":"vendor=1"}"#;
        assert_eq!(row.attributes.as_deref(), Some(expected));
    }

    /// No input may crash the reader or make it recurse without end.
    #[test]
    fn hostile_attributes_are_read_or_kept() {
        let deep = "[".repeat(200_000);
        let row = read("x", "chat gpt", vec![text("gen_ai.operation.name", "chat"), text("gen_ai.input.messages", &deep)]);
        assert_eq!(row.input_text.as_deref().map(str::len), Some(deep.len()));
        let cut = r#"[{"role": "user", "parts": [{"type": "te"#;
        let row = read("x", "chat", vec![text("gen_ai.operation.name", "chat"), text("gen_ai.input.messages", cut)]);
        assert_eq!(row.input_text.as_deref(), Some(cut));
        let mut many: Vec<KeyValue> = (0..10_000).map(|n| text(&format!("llm.input_messages.{n}.message.content"), "x")).collect();
        many.push(text(&"k".repeat(1 << 20), "v"));
        many.push(text("gen_ai.prompt.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0", "v"));
        assert!(read("x", "y", many).attributes.is_some());
    }

    /// Each key comes in every type somewhere.
    #[test]
    fn wrong_types_are_borne() {
        let list = Any::ArrayValue(ArrayValue { values: vec![AnyValue { value: None }, AnyValue { value: Some(Any::IntValue(1)) }] });
        let values = [
            Any::IntValue(i64::MIN),
            Any::DoubleValue(f64::NAN),
            Any::BoolValue(true),
            list,
            Any::BytesValue(vec![0xff]),
            Any::StringValue("\u{0}{[\"".into()),
        ];
        let keys = [
            "gen_ai.operation.name",
            "gen_ai.request.model",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.response.finish_reasons",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
            "llm.is_streaming",
            "ttft_ms",
            "gen_ai.usage.cost",
            "session.id",
            "tag.tags",
            "gen_ai.retrieval.documents",
            "gen_ai.tool.name",
            "gen_ai.usage.cache_read.input_tokens",
        ];
        for value in values {
            let row = read("x", "y", keys.iter().map(|key| attribute(key, value.clone())).collect());
            assert!(row.input_tokens.is_none_or(|count| count >= 0));
        }
    }
}
