//! Which cases of a file or of a SELECT a suite takes, and what it expects of their columns.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::swap::swapped;
use super::{Dataset, Vars};
use crate::error::Error;
use crate::spec::TextOr;

/// The `dataset` of a suite: a file, or a file or a SELECT with a split and the types of its columns.
pub(crate) type DatasetSpec = TextOr<Picked>;

/// A part of a file, or of what a SELECT gives.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Picked {
    #[serde(default)]
    file: Option<String>,
    /// A SELECT over the tables instead of a file; each of its rows is a case.
    #[serde(default)]
    sql: Option<String>,
    /// Only the cases whose column `split` is this.
    #[serde(default)]
    split: Option<String>,
    /// What each of these columns must hold in every case.
    #[serde(default)]
    columns: BTreeMap<String, Column>,
    /// Groups, each with what stands for each `{placeholder}`: a case that has one of them becomes a case a group.
    #[serde(default)]
    swap: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a column must hold: `text`, or `text?` where it may be null or missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Column {
    kind: Kind,
    is_optional: bool,
}

impl TryFrom<String> for Column {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let kind = Kind::deserialize(Value::from(text.trim_end_matches('?'))).map_err(|error: serde_json::Error| error.to_string())?;
        Ok(Self { kind, is_optional: text.ends_with('?') })
    }
}

impl Column {
    fn holds(self, value: Option<&Value>) -> bool {
        let is_missing = value.is_none_or(|value| value.is_null() || value.as_str() == Some(""));
        self.is_optional && is_missing || self.kind.holds(value)
    }
}

/// What a column holds; null is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
    Number,
    Bool,
    List,
    Object,
    /// Anything, and null.
    Any,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::Bool => "true or false",
            Kind::List => "a list",
            Kind::Object => "an object",
            Kind::Any => "anything",
        }
    }

    fn holds(self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Kind::Any, Some(_)) | (Kind::Text, Some(Value::String(_))) | (Kind::Bool, Some(Value::Bool(_))) => true,
            (Kind::List, Some(Value::Array(_))) | (Kind::Object, Some(Value::Object(_))) | (Kind::Number, Some(Value::Number(_))) => true,
            // CSV has text alone.
            (Kind::Number, Some(Value::String(text))) => text.trim().parse::<f64>().is_ok(),
            _ => false,
        }
    }
}

/// Where cases come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    File(&'a str),
    Select(&'a str),
}

impl DatasetSpec {
    /// Returns where the cases come from.
    pub(crate) fn source(&self) -> Result<Source<'_>, Error> {
        match self {
            DatasetSpec::Text(file) => Ok(Source::File(file)),
            DatasetSpec::Map(Picked { file: Some(file), sql: None, .. }) => Ok(Source::File(file)),
            DatasetSpec::Map(Picked { file: None, sql: Some(sql), .. }) => Ok(Source::Select(sql)),
            DatasetSpec::Map(_) => Err(Error::config("dataset: write `file` or `sql`, one of the two")),
        }
    }

    /// Takes the cases of the split, and refuses the first one whose columns are not as they should be.
    pub(crate) fn pick(&self, dataset: Dataset) -> Result<Dataset, Error> {
        let DatasetSpec::Map(Picked { file, split, columns, swap, .. }) = self else { return Ok(dataset) };
        if dataset.is_unseen {
            return Ok(dataset);
        }
        let file = file.as_deref().unwrap_or("the SELECT");
        for column in columns.keys().map(String::as_str).chain(split.as_ref().map(|_| "split")) {
            dataset.expect_column(&format!("dataset {file}"), column)?;
        }
        let in_split = |vars: &Vars| split.as_ref().is_none_or(|split| vars.get("split").and_then(Value::as_str) == Some(split));
        let rows = dataset.cases.into_iter().filter(|case| in_split(&case.vars)).collect::<Vec<_>>();
        if rows.is_empty() {
            return Err(Error::config(format!("{file} has no case of the split {:?}", split.as_deref().unwrap_or_default())));
        }
        for (index, case) in rows.iter().enumerate() {
            if let Some((name, column)) = columns.iter().find(|(name, column)| !column.holds(case.vars.get(*name))) {
                let found: String = case.vars.get(name).map_or_else(|| "missing".to_owned(), Value::to_string).chars().take(60).collect();
                let place = format!("{file}: case {} ({})", index + 1, case.id);
                return Err(Error::config(format!("{place}: column {name:?} is to be {}, and is {found}", column.kind.name())));
            }
        }
        let hash = split.as_ref().map_or_else(|| dataset.hash.clone(), |split| format!("{}#{split}", dataset.hash));
        let rows = if swap.is_empty() { rows } else { swapped(rows, swap) };
        let columns = rows.iter().flat_map(|case| case.vars.keys().cloned()).collect();
        Ok(Dataset { cases: rows, hash, columns, ..dataset })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pick(spec: Value) -> Result<Vec<String>, String> {
        let rows = [
            json!({"id": "a", "split": "train", "n": 1}),
            json!({"id": "b", "split": "test", "n": "2.5"}),
            json!({"id": "c", "split": "test", "n": null}),
        ];
        let rows = rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect();
        let spec: DatasetSpec = serde_json::from_value(spec).unwrap();
        let picked = spec.pick(Dataset::of(rows, "00".to_owned())).map_err(|error| error.to_string())?;
        Ok(picked.cases.into_iter().map(|case| case.id).collect())
    }

    #[test]
    fn cases_come_from_one_place() {
        let source = |spec: Value| {
            serde_json::from_value::<DatasetSpec>(spec).unwrap().source().map_or(0, |source| match source {
                Source::File(_) => 1,
                Source::Select(_) => 2,
            })
        };
        let specs = [json!("a.csv"), json!({"file": "a.csv"}), json!({"sql": "select 1"}), json!({"split": "x"}), json!({"file": "a", "sql": "b"})];
        assert_eq!(specs.map(source), [1, 1, 2, 0, 0]);
    }

    #[test]
    fn a_split_is_taken_and_columns_are_checked() {
        assert_eq!(pick(json!("a.csv")).unwrap(), ["a", "b", "c"]);
        assert_eq!(pick(json!({"file": "a.csv", "split": "test"})).unwrap(), ["b", "c"]);
        assert_eq!(pick(json!({"file": "a.csv", "split": "train", "columns": {"n": "number"}})).unwrap(), ["a"]);
        let error = pick(json!({"file": "a.csv", "columns": {"n": "number"}})).unwrap_err();
        assert_eq!(error, "a.csv: case 3 (c): column \"n\" is to be a number, and is null");
        assert_eq!(pick(json!({"file": "a.csv", "columns": {"n": "number?"}})).unwrap().len(), 3);
        assert!(pick(json!({"file": "a.csv", "split": "dev"})).unwrap_err().contains("no case of the split \"dev\""));
        assert!(pick(json!({"file": "a.csv", "columns": {"m": "any"}})).unwrap_err().contains("unknown column \"m\""));
        assert_eq!(pick(json!({"sql": "select 1", "split": "train"})).unwrap(), ["a"]);
    }
}
