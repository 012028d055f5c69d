//! Reads prompts: texts, and files of one or more.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::files::Files;
use crate::promptfoo::glob;
use crate::spec::{Many, PromptSpec, TextOr};

/// A prompt before it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub label: String,
    pub text: String,
}

/// Reads all prompts of a suite. A text is a file only where it begins with `file://`.
pub(crate) fn read(prompts: &Many<PromptSpec>, files: &Files) -> Result<Vec<Raw>, Error> {
    let mut read = Vec::new();
    for prompt in &prompts.0 {
        let (raw, label) = match prompt {
            TextOr::Text(raw) => (raw, None),
            TextOr::Map(prompt) => {
                let raw = prompt.raw.as_ref().or(prompt.id.as_ref());
                (raw.ok_or_else(|| Error::config("prompts: a prompt needs `raw`, its text, or `id`, its file"))?, prompt.label.clone())
            }
        };
        match raw.strip_prefix("file://") {
            None => read.push(Raw { label: label.unwrap_or_else(|| raw.chars().take(80).collect()), text: raw.clone() }),
            Some(name) => read.extend(from_files(name, label.as_deref(), files)?),
        }
    }
    Ok(read)
}

/// Whether a prompt has settings of its own for the model that is asked.
pub(crate) fn has_config(prompts: &Many<PromptSpec>) -> bool {
    let is_set = |config: &Value| !config.is_null() && config.as_object().is_none_or(|fields| !fields.is_empty());
    prompts.0.iter().any(|prompt| matches!(prompt, TextOr::Map(prompt) if prompt.config.as_ref().is_some_and(is_set)))
}

fn from_files(name: &str, label: Option<&str>, files: &Files) -> Result<Vec<Raw>, Error> {
    let found = files.bases().iter().map(|base| glob::files(base, name)).find(|found| !found.is_empty());
    let found = found.ok_or_else(|| Error::config(format!("prompts: there is no file {name:?} beside the suite or in a directory above it")))?;
    let mut read = Vec::new();
    for path in found {
        // One file is called what the suite calls it; of several each by its own name.
        let own =
            if name.contains('*') { path.file_name().map_or(name.to_owned(), |name| name.to_string_lossy().into_owned()) } else { name.to_owned() };
        read.extend(from_file(&path, label.unwrap_or(&own), files)?);
    }
    Ok(read)
}

fn from_file(path: &Path, label: &str, files: &Files) -> Result<Vec<Raw>, Error> {
    let text = files.text(path)?;
    let texts: Vec<String> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => text
            .replace("\r\n", "\n")
            .split('\n')
            .collect::<Vec<_>>()
            .split(|line| line.trim() == "---")
            .map(|lines| lines.join("\n").trim().to_owned())
            .collect(),
        Some("jsonl") => text.split('\n').map(str::to_owned).filter(|line| !line.trim().is_empty()).collect(),
        Some("yaml" | "yml") => {
            let value: Value = serde_yaml_ng::from_str(&text).map_err(|error| Error::config(format!("{}: {error}", path.display())))?;
            vec![crate::js::json(&value)]
        }
        Some("js" | "mjs" | "cjs" | "ts" | "py" | "sh" | "rb") => {
            return Err(Error::config(format!("prompts: {} is code, which does not run here", path.display())));
        }
        // A prompt of one file keeps its text, but for the newline that every editor ends it with.
        _ => vec![text.strip_suffix('\n').unwrap_or(&text).to_owned()],
    };
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    if texts.is_empty() {
        return Err(Error::config(format!("prompts: {} holds no prompt", path.display())));
    }
    let several = texts.len() > 1;
    let named = |(index, text)| Raw { label: if several { format!("{label} #{}", index + 1) } else { label.to_owned() }, text };
    Ok(texts.into_iter().enumerate().map(named).collect())
}
