//! OpenInference: flat attributes, a message a number.

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, SpanKind, Status};
use serde_json::json;

use super::super::models::EMBEDDING_MODEL;
use super::super::trace::{Chat, Document, Message, PlannedSpan, Step, Trace};
use super::{Rendered, exception, int, time};

/// Renders a span of the support bot.
pub(super) fn render(trace: &Trace, span: &PlannedSpan) -> Rendered {
    let (name, kind, mut attributes) = match &span.step {
        Step::Chain { question, answer } => ("answer_question", "CHAIN", chain(question, answer.as_deref())),
        Step::Embed { text, tokens } => ("CreateEmbeddings", "EMBEDDING", embedding(text, *tokens)),
        Step::Retrieve { question, documents } => ("search_help_centre", "RETRIEVER", retrieval(question, documents)),
        Step::Chat(call) => ("ChatCompletion", "LLM", chat(trace, call, span.failure.is_none())),
        Step::Agent { task, answer, .. } => ("run_agent", "AGENT", chain(task, answer.as_deref())),
        Step::Tool { name, arguments, result, .. } => (*name, "TOOL", chain(arguments, result.as_deref())),
        Step::Request { route } => (*route, "CHAIN", Vec::new()),
    };
    attributes.push(KeyValue::new("openinference.span.kind", kind));
    attributes.extend(trace.session.clone().map(|session| KeyValue::new("session.id", session)));
    attributes.push(KeyValue::new("user.id", trace.user.clone()));
    let mut events: Vec<Event> = span.failure.iter().map(|failure| exception(span, failure)).collect();
    if let (Step::Chat(Chat { ttft_micros: Some(ttft), .. }), None) = (&span.step, span.failure) {
        events.push(Event::new("First Token Stream Event", time(schema::Micros(span.start.0 + ttft)), Vec::new(), 0));
    }
    Rendered { name: name.to_owned(), kind: SpanKind::Internal, attributes, events, success: Status::Ok }
}

fn chain(input: &str, output: Option<&str>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("input.value", input.to_owned()), KeyValue::new("input.mime_type", "text/plain")];
    attributes.extend(output.map(|output| KeyValue::new("output.value", output.to_owned())));
    attributes
}

fn embedding(text: &str, tokens: u64) -> Vec<KeyValue> {
    vec![
        KeyValue::new("embedding.model_name", EMBEDDING_MODEL),
        KeyValue::new("embedding.embeddings.0.embedding.text", text.to_owned()),
        KeyValue::new("llm.provider", "openai"),
        KeyValue::new("llm.system", "openai"),
        KeyValue::new("llm.token_count.prompt", int(tokens)),
        KeyValue::new("llm.token_count.total", int(tokens)),
        KeyValue::new("input.value", text.to_owned()),
    ]
}

fn retrieval(question: &str, documents: &[Document]) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("input.value", question.to_owned()), KeyValue::new("input.mime_type", "text/plain")];
    for (at, document) in documents.iter().enumerate() {
        let key = |field: &str| format!("retrieval.documents.{at}.document.{field}");
        attributes.extend([
            KeyValue::new(key("id"), document.article.id),
            KeyValue::new(key("content"), document.article.text()),
            KeyValue::new(key("score"), document.score),
            KeyValue::new(key("metadata"), json!({ "title": document.article.title }).to_string()),
        ]);
    }
    attributes
}

fn chat(trace: &Trace, chat: &Chat, has_answer: bool) -> Vec<KeyValue> {
    let provider = if chat.model.provider == "gcp.gemini" { "google" } else { chat.model.provider };
    let parameters = json!({ "model": chat.model.request, "temperature": chat.temperature, "max_tokens": chat.max_tokens, "stream": true });
    let mut attributes = vec![
        KeyValue::new("llm.provider", provider),
        KeyValue::new("llm.system", provider),
        KeyValue::new("llm.model_name", if has_answer { chat.model.response } else { chat.model.request }),
        KeyValue::new("llm.invocation_parameters", parameters.to_string()),
        KeyValue::new("llm.prompt_template.version", trace.prompt.version),
        KeyValue::new("prompt.id", trace.prompt.name),
    ];
    let system = [("system", &*chat.system)];
    let turns = chat.messages.iter().filter_map(text);
    for (at, (role, content)) in system.into_iter().chain(turns).enumerate() {
        attributes.push(KeyValue::new(format!("llm.input_messages.{at}.message.role"), role));
        attributes.push(KeyValue::new(format!("llm.input_messages.{at}.message.content"), content.to_owned()));
    }
    if has_answer {
        answer(chat, &mut attributes);
    }
    attributes
}

fn answer(chat: &Chat, attributes: &mut Vec<KeyValue>) {
    let content = text(&chat.output).map(|(_, content)| content).unwrap_or_default();
    let choice = json!({ "index": 0, "finish_reason": chat.finish_reason, "message": { "role": "assistant", "content": content } });
    let response = json!({ "id": chat.response_id, "model": chat.model.response, "choices": [choice] });
    let tokens = chat.tokens;
    attributes.extend([
        KeyValue::new("output.value", response.to_string()),
        KeyValue::new("output.mime_type", "application/json"),
        KeyValue::new("llm.output_messages.0.message.role", "assistant"),
        KeyValue::new("llm.output_messages.0.message.content", content.to_owned()),
        KeyValue::new("llm.finish_reason", chat.finish_reason),
        KeyValue::new("llm.token_count.prompt", int(tokens.input)),
        KeyValue::new("llm.token_count.completion", int(tokens.output)),
        KeyValue::new("llm.token_count.total", int(tokens.input + tokens.output)),
        KeyValue::new("llm.token_count.prompt_details.cache_read", int(tokens.cache_read)),
        KeyValue::new("llm.token_count.completion_details.reasoning", int(tokens.reasoning)),
    ]);
}

fn text(message: &Message) -> Option<(&'static str, &str)> {
    match message {
        Message::User(text) => Some(("user", text)),
        Message::Assistant(text) => Some(("assistant", text)),
        Message::Calls(_) | Message::Result { .. } => None,
    }
}
