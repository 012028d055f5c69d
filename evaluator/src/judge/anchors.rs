//! Answers that are judged in every run and never change: where their verdicts move, the judge moved and not the app.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::checks::{Context, texts_of};
use crate::error::Error;
use crate::judge::Material;

/// The anchors of a judge.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchors(pub Vec<Anchor>);

/// One anchor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchor {
    pub id: String,
    pub material: Material,
    /// The answer that it is compared with, for a judge that compares.
    pub against: Option<String>,
    /// What people said about it, from 0 to 1.
    pub label: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    #[serde(default)]
    question: Option<String>,
    #[serde(default)]
    documents: Value,
    #[serde(default)]
    reference: Option<String>,
    answer: String,
    #[serde(default)]
    against: Option<String>,
    #[serde(default)]
    label: Option<f64>,
}

impl Anchors {
    /// Reads a file of JSON lines: `id`, `answer`, and what else the judge looks at.
    pub(crate) fn read(context: &Context<'_>, file: &str) -> Result<Self, Error> {
        let text = context.files.read(&context.place, file)?;
        Self::parse(&text).map_err(|what| context.error(&format!("{file}: {what}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
        let anchors = lines.map(|(index, line)| anchor(line).map_err(|what| format!("line {}: {what}", index + 1))).collect::<Result<Vec<_>, _>>()?;
        let mut ids = BTreeSet::new();
        if let Some(twice) = anchors.iter().find(|anchor| !ids.insert(&anchor.id)) {
            return Err(format!("anchor {:?} stands there twice", twice.id));
        }
        if anchors.is_empty() { Err("there is no anchor in it".to_owned()) } else { Ok(Self(anchors)) }
    }
}

fn anchor(line: &str) -> Result<Anchor, String> {
    let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if row.label.is_some_and(|label| !(0.0..=1.0).contains(&label)) {
        return Err("label is a number from 0 to 1".to_owned());
    }
    let documents = match &row.documents {
        Value::String(text) => vec![text.clone()],
        documents => texts_of(documents),
    };
    let material = Material { question: row.question, documents, reference: row.reference, answer: row.answer, criterion: None };
    Ok(Anchor { id: row.id, material, against: row.against, label: row.label })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_lines_of_json() {
        let anchors =
            Anchors::parse("{\"id\": \"a\", \"answer\": \"x\", \"documents\": [\"d\"], \"label\": 1}\n\n{\"id\": \"b\", \"answer\": \"y\"}\n")
                .unwrap();
        assert_eq!((anchors.0.len(), anchors.0[0].label, anchors.0[0].material.documents.len()), (2, Some(1.0), 1));
        assert!(Anchors::parse("\n").unwrap_err().contains("no anchor"));
        assert!(Anchors::parse("{\"id\": \"a\", \"answer\": \"x\", \"label\": 7}").unwrap_err().contains("line 1: label"));
        assert!(Anchors::parse("{\"id\": \"a\"}").unwrap_err().contains("answer"));
        let line = "{\"id\": \"a\", \"answer\": \"x\"}";
        assert_eq!(Anchors::parse(&format!("{line}\n{line}\n")).unwrap_err(), "anchor \"a\" stands there twice");
    }
}
