//! Messages that come in OpenTelemetry's own shape, of text alone: the usual case, read without building JSON values.

use std::borrow::Cow;

use serde::Deserialize;

use super::messages::{self, Message};
use super::part::Part;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    parts: Vec<SentText<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentText<'a> {
    #[serde(rename = "type")]
    _kind: Text,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

#[derive(Deserialize)]
enum Text {
    #[serde(rename = "text")]
    Text,
}

/// Reads a list of messages that needs no thought; nothing if any of it does, which then goes the general way to the same end.
pub(super) fn read(text: &str) -> Option<Vec<Message>> {
    let sent: Vec<Sent<'_>> = text.starts_with("[{\"").then(|| serde_json::from_str(text).ok()).flatten()?;
    (!sent.is_empty()).then(|| sent.into_iter().map(message).collect()).flatten()
}

fn message(sent: Sent<'_>) -> Option<Message> {
    let plain = |part: &SentText<'_>| part.content.starts_with(|c: char| c.is_alphanumeric() && c != 'R');
    let known = matches!(&*sent.role, "user" | "assistant" | "system") && !sent.parts.is_empty() && sent.parts.iter().all(plain);
    known.then(|| Message {
        role: sent.role.into_owned(),
        parts: sent.parts.into_iter().map(|part| Part::Text(part.content.into_owned())).collect(),
        name: None,
        finish_reason: sent.finish_reason.filter(|reason| !reason.is_empty()).map(|reason| messages::finish_reason(&reason)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short way may never say anything else than the general one.
    #[track_caller]
    fn check(text: &str, is_canonical: bool) {
        let found = read(text);
        assert_eq!(found.is_some(), is_canonical, "{text}");
        if found.is_some() {
            let value = super::super::value::parse(text).unwrap();
            assert_eq!(found, messages::read(&value, "user"), "{text}");
        }
    }

    #[test]
    fn both_ways_agree() {
        check(r#"[{"role":"user","parts":[{"type":"text","content":"h\u00e9 \"there\"\n"}]}]"#, true);
        check(
            r#"[{"role": "assistant", "parts": [{"content": "a", "type": "text"}, {"type": "text", "content": "b"}], "finish_reason": "end_turn"}]"#,
            true,
        );
        check(r#"[{"role":"system","parts":[{"type":"text","content":"x"}]},{"role":"user","parts":[{"type":"text","content":"1"}]}]"#, true);
        check(r#"[{"role":"user","parts":[{"type":"text","content":""}]}]"#, false);
        check(r#"[{"role":"developer","parts":[{"type":"text","content":"x"}]}]"#, false);
        check(r#"[{"role":"user","parts":[{"type":"text","content":"[{\"type\": \"text\", \"text\": \"x\"}]"}]}]"#, false);
        check(r#"[{"role":"user","parts":[{"type":"tool_call_response","response":"x"}]}]"#, false);
        check(r#"[{"role":"user","content":"x"}]"#, false);
        check("[]", false);
    }
}
