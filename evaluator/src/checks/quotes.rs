//! What the answer quotes and cites is there.

use measure::text::quotes::{citations, is_quoted_from, quoted_spans};
use serde_json::Value;

use crate::checks::{Subject, Verdict};
use crate::template::show;

/// Words of a quotation from which on it is looked for; shorter ones are often names.
const WORDS_MIN: usize = 3;

/// `quotes` and `citations`: the share of quoted spans, or of cited ids, that the sources have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quotes {
    pub answer: String,
    pub sources: String,
    pub what: Cited,
}

/// What is looked for in the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cited {
    /// The text between quotation marks.
    Spans,
    /// The ids in square brackets.
    Ids,
}

impl Quotes {
    pub(crate) fn signature(&self) -> String {
        match self.what {
            Cited::Spans => format!("quotes of {WORDS_MIN} words on, white space and case folded"),
            Cited::Ids => "citations in square brackets, by id".to_owned(),
        }
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to check") };
        let (found, missing): (Vec<&str>, Vec<&str>) = match self.what {
            Cited::Spans => {
                let sources = subject.texts(&self.sources);
                quoted_spans(&answer, WORDS_MIN).into_iter().partition(|span| sources.iter().any(|source| is_quoted_from(span, source)))
            }
            Cited::Ids => {
                let ids = ids_of(subject.vars.get(&self.sources));
                citations(&answer).into_iter().partition(|id| ids.iter().any(|known| known == id))
            }
        };
        let total = found.len() + missing.len();
        if total == 0 {
            return Verdict::not_applicable(match self.what {
                Cited::Spans => "the answer quotes nothing",
                Cited::Ids => "the answer cites nothing",
            });
        }
        let reason = if missing.is_empty() { String::new() } else { format!("not in the sources: {missing:?}") };
        Verdict::value(found.len() as f64 / total as f64, reason)
    }
}

/// The ids of documents, or of a list of ids.
pub(crate) fn ids_of(documents: Option<&Value>) -> Vec<String> {
    match documents {
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_object().map_or_else(|| Some(show(item)), |fields| fields.get("id").map(show))).collect()
        }
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(list @ Value::Array(_)) => ids_of(Some(&list)),
            _ => text.split([',', ' ']).map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        },
        _ => Vec::new(),
    }
}
