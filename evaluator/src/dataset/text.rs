//! Cases out of text: JSONL, JSON and CSV. Whatever is wrong is named with its line.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::Vars;
use crate::error::Error;

fn at(path: &Path, line: usize, what: &str) -> Error {
    Error::config(format!("{}:{line}: {what}", path.display()))
}

fn utf8<'b>(path: &Path, bytes: &'b [u8]) -> Result<&'b str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        at(path, line, "this is not UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A page of Langfuse's API, which gives its items as `data`.
#[derive(Deserialize)]
struct Page {
    data: Vec<Vars>,
}

/// Reads a list of objects, as other tools export it.
pub(super) fn json(path: &Path, bytes: &[u8]) -> Result<Vec<Vars>, Error> {
    let text = utf8(path, bytes)?;
    if text.trim_start().starts_with('{')
        && let Ok(page) = serde_json::from_str::<Page>(text)
    {
        return Ok(page.data);
    }
    if !text.trim_start().starts_with('[') {
        return Err(at(path, 1, "a dataset in JSON is a list of objects, one a case"));
    }
    serde_json::from_str(text).map_err(|error| at(path, error.line(), &format!("this is not a list of JSON objects: {error}")))
}

/// Reads one JSON object a line. Lines end at `\n` alone: U+2028 inside of a string is text.
pub(super) fn jsonl(path: &Path, bytes: &[u8]) -> Result<Vec<Vars>, Error> {
    let (text, at) = (utf8(path, bytes)?, |line, what: &str| at(path, line, what));
    let mut rows = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(Value::Object(vars)) => rows.push(vars),
            Ok(_) => return Err(at(index + 1, "a line of a dataset is a JSON object")),
            Err(error) => return Err(at(index + 1, &format!("this is not JSON: {error}"))),
        }
    }
    Ok(rows)
}

/// Reads a table with a header; an empty cell is null.
pub(super) fn csv(path: &Path, bytes: &[u8]) -> Result<Vec<Vars>, Error> {
    let (text, at) = (utf8(path, bytes)?, |line, what: &str| at(path, line, what));
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| at(1, &error.to_string()))?.clone();
    if let Some(repeated) = header.iter().enumerate().find(|(index, name)| header.iter().take(*index).any(|other| other == *name)) {
        return Err(at(1, &format!("column {:?} stands there twice", repeated.1)));
    }
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(index + 2, |position| usize::try_from(position.line()).unwrap_or(index + 2));
            at(line, &error.to_string())
        })?;
        let cell = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
        rows.push(header.iter().zip(record.iter()).map(|(name, text)| (name.to_owned(), cell(text))).collect());
    }
    Ok(rows)
}
