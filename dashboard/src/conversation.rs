//! The messages of a model call, as a reader sees them: who said what, in which form.
//!
//! The columns hold OpenTelemetry's shapes (`{role, parts}`), but a sender may have put anything there. Whatever is not
//! understood is shown as JSON, and nothing is dropped.

use std::collections::BTreeMap;

use crate::format::cut;
use crate::json::Json;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Who spoke, as sent.
    pub role: String,
    /// `system`, `user`, `assistant` or `tool`: what the role looks like.
    pub class: &'static str,
    /// Whether the message came out of this call.
    pub is_output: bool,
    /// Why the model stopped, on an output message that says so.
    pub finish_reason: Option<String>,
    /// What was said.
    pub parts: Vec<Part>,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Plain text.
    Text(Text),
    /// What the model thought before it answered.
    Reasoning(Text),
    /// A tool that the model asked for.
    ToolCall {
        /// Name of the tool.
        name: String,
        /// Id of the call.
        id: String,
        /// Arguments, laid out.
        arguments: Text,
    },
    /// What a tool gave back.
    ToolResult {
        /// Id of the call that it answers.
        id: String,
        /// The result, laid out.
        result: Text,
    },
    /// An image, audio or file; named, not shown, so that a page never loads what a trace points to.
    Media {
        /// What it is: modality, type, size or address.
        what: String,
    },
    /// Anything else, as JSON.
    Other {
        /// The part's type, as sent.
        kind: String,
        /// The part, laid out.
        json: Text,
    },
}

/// A text that is cut where it is longer than a page should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// What is shown.
    pub shown: String,
    /// Bytes of the whole, where something was cut.
    pub cut_from: Option<usize>,
}

impl Text {
    /// Takes a text, cut after `bytes_max`.
    pub(crate) fn new(text: &str, bytes_max: usize) -> Self {
        let (shown, is_cut) = cut(text, bytes_max);
        Self { shown: shown.to_owned(), cut_from: is_cut.then_some(text.len()) }
    }
}

/// What the columns of a span say about a conversation.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// System prompt, JSON list of parts.
    pub system: Option<&'a str>,
    /// Messages that went in.
    pub input: Option<&'a str>,
    /// Messages that came out.
    pub output: Option<&'a str>,
    /// Plain input, where there are no messages.
    pub input_text: Option<&'a str>,
    /// Plain output, where there are no messages.
    pub output_text: Option<&'a str>,
}

/// Reads the conversation of a span; no text in it is longer than `bytes_max`.
pub(crate) fn conversation(source: &Source<'_>, bytes_max: usize) -> Vec<Message> {
    let reader = Reader { bytes_max };
    let mut messages = Vec::new();
    if let Some(system) = filled(source.system) {
        let parts = Json::read(system).map_or_else(|| vec![Part::Text(reader.text(system))], |json| reader.parts(json));
        messages.push(reader.message_of("system", parts));
    }
    match (filled(source.input), filled(source.input_text)) {
        (Some(json), _) => messages.extend(reader.messages(json, "user")),
        (None, Some(text)) => messages.push(reader.message_of("user", vec![Part::Text(reader.text(text))])),
        (None, None) => {}
    }
    let first_output = messages.len();
    match (filled(source.output), filled(source.output_text)) {
        (Some(json), _) => messages.extend(reader.messages(json, "assistant")),
        (None, Some(text)) => messages.push(reader.message_of("assistant", vec![Part::Text(reader.text(text))])),
        (None, None) => {}
    }
    messages.iter_mut().skip(first_output).for_each(|message| message.is_output = true);
    messages
}

struct Reader {
    bytes_max: usize,
}

impl Reader {
    fn text(&self, text: &str) -> Text {
        Text::new(text, self.bytes_max)
    }

    fn message_of(&self, role: &str, parts: Vec<Part>) -> Message {
        let role = if role.is_empty() { "unknown" } else { role };
        Message { role: self.text(role).shown, class: class_of(role, &parts), is_output: false, finish_reason: None, parts }
    }

    fn messages(&self, text: &str, role_otherwise: &str) -> Vec<Message> {
        let Some(json) = Json::read(text) else {
            return vec![self.message_of(role_otherwise, vec![Part::Text(self.text(text))])];
        };
        let items = json.items().unwrap_or_else(|| vec![json]);
        items.into_iter().map(|item| self.message(item, role_otherwise)).collect()
    }

    fn message(&self, json: Json<'_>, role_otherwise: &str) -> Message {
        let Some(fields) = json.fields() else {
            return self.message_of(role_otherwise, vec![Part::Text(self.text(&json.shown()))]);
        };
        let role = text_of(&fields, &["role"]).unwrap_or_else(|| role_otherwise.to_owned());
        let parts = match fields.get("parts").or_else(|| fields.get("content")) {
            Some(parts) => self.parts(*parts),
            None => vec![self.other("message", json)],
        };
        let mut message = self.message_of(&role, parts);
        message.finish_reason = text_of(&fields, &["finish_reason"]).filter(|reason| !reason.is_empty());
        message
    }

    fn parts(&self, json: Json<'_>) -> Vec<Part> {
        match json.items() {
            Some(items) => items.into_iter().map(|item| self.part(item)).collect(),
            None if json.is_empty() => Vec::new(),
            None => vec![self.part(json)],
        }
    }

    fn part(&self, json: Json<'_>) -> Part {
        let Some(fields) = json.fields() else {
            return Part::Text(self.text(&json.shown()));
        };
        let kind = text_of(&fields, &["type"]).unwrap_or_default();
        match kind.as_str() {
            "text" | "" => match text_of(&fields, &["content", "text"]) {
                Some(text) => Part::Text(self.text(&text)),
                None => self.other("part", json),
            },
            "reasoning" | "thinking" => match text_of(&fields, &["content", "text", "thinking"]) {
                Some(text) => Part::Reasoning(self.text(&text)),
                None => self.other(&kind, json),
            },
            "tool_call" => Part::ToolCall {
                name: self.text(&text_of(&fields, &["name"]).unwrap_or_else(|| "tool".to_owned())).shown,
                id: self.text(&text_of(&fields, &["id"]).unwrap_or_default()).shown,
                arguments: self.shown(fields.get("arguments")),
            },
            "tool_call_response" => Part::ToolResult {
                id: self.text(&text_of(&fields, &["id"]).unwrap_or_default()).shown,
                result: self.shown(fields.get("response").or_else(|| fields.get("result"))),
            },
            "blob" | "uri" | "file" => Part::Media { what: self.text(&media(&kind, &fields)).shown },
            _ => self.other(&kind, json),
        }
    }

    fn shown(&self, json: Option<&Json<'_>>) -> Text {
        self.text(&json.map(|json| json.shown()).unwrap_or_default())
    }

    fn other(&self, kind: &str, json: Json<'_>) -> Part {
        Part::Other { kind: self.text(kind).shown, json: self.text(&json.shown()) }
    }
}

/// One retrieved document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// Id, as sent.
    pub id: String,
    /// Score of the retriever.
    pub score: Option<String>,
    /// What the document says.
    pub content: Text,
    /// Anything else about it, as JSON.
    pub metadata: Option<Text>,
}

/// Reads the `documents` column: a JSON list of `{id, score, content, metadata}`.
pub(crate) fn documents(json: Option<&str>, bytes_max: usize) -> Vec<Document> {
    let reader = Reader { bytes_max };
    let Some(text) = filled(json) else { return Vec::new() };
    match Json::read(text) {
        Some(json) => json.items().unwrap_or_else(|| vec![json]).into_iter().map(|item| reader.document(item)).collect(),
        None => vec![Document { id: String::new(), score: None, content: reader.text(text), metadata: None }],
    }
}

impl Reader {
    fn document(&self, json: Json<'_>) -> Document {
        let Some(fields) = json.fields() else {
            return Document { id: String::new(), score: None, content: self.text(&json.shown()), metadata: None };
        };
        let filled = |name: &str| fields.get(name).filter(|value| !value.is_empty());
        Document {
            id: self.shown(filled("id")).shown,
            score: filled("score").and_then(|score| score.number()).map(|score| format!("{score:.3}")),
            content: self.shown(filled("content")),
            metadata: filled("metadata").map(|metadata| self.shown(Some(metadata))),
        }
    }
}

fn class_of(role: &str, parts: &[Part]) -> &'static str {
    let only_results = !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult { .. }));
    match role.to_ascii_lowercase().as_str() {
        _ if only_results => "tool",
        "system" | "developer" => "system",
        "user" | "human" => "user",
        "tool" | "function" => "tool",
        "assistant" | "model" | "ai" => "assistant",
        _ => "other",
    }
}

fn media(kind: &str, fields: &BTreeMap<String, Json<'_>>) -> String {
    let words = ["modality", "mime_type", "uri", "file_id"].iter().filter_map(|key| text_of(fields, &[key]));
    let mut what = words.map(|word| cut(&word, 200).0.to_owned()).collect::<Vec<_>>();
    if let Some(content) = text_of(fields, &["content"]) {
        what.push(format!("{} bytes of base64", content.len()));
    }
    if what.is_empty() { kind.to_owned() } else { what.join(", ") }
}

/// Returns the first of these fields that is a text.
fn text_of(fields: &BTreeMap<String, Json<'_>>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| fields.get(*name)?.text())
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !matches!(text.trim(), "" | "null" | "[]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Vec<Message> {
        conversation(&Source { input: Some(input), ..Source::default() }, 1_000)
    }

    fn text(text: &str) -> Part {
        Part::Text(Text { shown: text.to_owned(), cut_from: None })
    }

    #[test]
    fn roles_and_parts_are_read() {
        let source = Source {
            system: Some(r#"[{"type":"text","content":"be kind"}]"#),
            input: Some(
                r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"user","parts":[{"type":"tool_call_response","id":"c1","result":"[{\"a\":1}]"}]}]"#,
            ),
            output: Some(
                r#"[{"role":"assistant","finish_reason":"tool_call","parts":[{"type":"reasoning","content":"hm"},{"type":"tool_call","id":"c2","name":"look","arguments":{"q":1}}]}]"#,
            ),
            ..Source::default()
        };
        let messages = conversation(&source, 1_000);
        assert_eq!(
            messages.iter().map(|m| (m.role.as_str(), m.class, m.is_output)).collect::<Vec<_>>(),
            [("system", "system", false), ("user", "user", false), ("user", "tool", false), ("assistant", "assistant", true)]
        );
        assert_eq!(messages[3].finish_reason.as_deref(), Some("tool_call"));
        assert!(
            matches!(&messages[3].parts[..], [Part::Reasoning(_), Part::ToolCall { name, arguments, .. }] if name == "look" && arguments.shown == "{\n  \"q\": 1\n}")
        );
    }

    #[test]
    fn plain_texts_stand_in_for_messages() {
        let messages = conversation(&Source { input_text: Some("q"), output_text: Some("a"), ..Source::default() }, 10);
        assert_eq!(
            messages.iter().map(|m| (m.class, m.parts.clone())).collect::<Vec<_>>(),
            [("user", vec![text("q")]), ("assistant", vec![text("a")])]
        );
    }

    /// A sender may put anything there; all of it must show, none of it may break the page.
    #[test]
    fn nothing_is_dropped() {
        assert_eq!(read("not json")[0].parts, [text("not json")]);
        assert_eq!(read(r#""text""#)[0].parts, [text("text")]);
        assert_eq!(read(r#"{"role":"user","content":"hi"}"#)[0].parts, [text("hi")]);
        assert_eq!(read(r#"[1, null, "x"]"#).len(), 3);
        assert_eq!(read(r#"[{"role":"user","parts":[{"type":"hologram","x":1}]}]"#)[0].parts.len(), 1);
        assert!(matches!(&read(r#"[{"role":"user","refusal":"no"}]"#)[0].parts[..], [Part::Other { kind, .. }] if kind == "message"));
        assert!(
            matches!(&read(r#"[{"parts":[{"type":"blob","mime_type":"image/png","content":"AAAA"}]}]"#)[0].parts[..], [Part::Media { what }] if what == "image/png, 4 bytes of base64")
        );
        assert!(read("[]").is_empty() && read("null").is_empty() && read("").is_empty());
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let messages = conversation(&Source { input_text: Some("abcdef"), ..Source::default() }, 3);
        assert_eq!(messages[0].parts, [Part::Text(Text { shown: "abc".to_owned(), cut_from: Some(6) })]);
    }

    #[test]
    fn documents_of_any_shape_are_read() {
        let read = |json| documents(Some(json), 100);
        let list = read(r#"[{"id":"d1","score":0.87654,"content":"text","metadata":{"lang":"de"}},{"id":7,"score":"0.5"},"bare"]"#);
        assert_eq!((list[0].id.as_str(), list[0].score.as_deref()), ("d1", Some("0.877")));
        assert_eq!((list[1].id.as_str(), list[1].score.as_deref()), ("7", Some("0.500")));
        assert_eq!(list[2].content.shown, "bare");
        assert!(documents(None, 100).is_empty());
    }
}
