//! Questions that can wait: collected into a file, answered elsewhere, and read back into the kept answers.
//!
//! A run that collects asks nobody; once the answers are kept, the same run finds them all. What is asked in steps (claims, then their
//! verdicts) takes as many rounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::calls::{Cache, CallError};
use crate::chat::{Completion, batch_answer};
use crate::judge::{Call, Judge};

/// The open questions of a run.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    is_collecting: AtomicBool,
    open: Mutex<BTreeMap<String, Open>>,
    /// Calls that a batch made, for the books of the run that uses their answers.
    booked: Mutex<Vec<Call>>,
}

/// What one judge has to be asked.
#[derive(Debug)]
pub(crate) struct Open {
    pub judge: Arc<dyn Judge>,
    /// Lines of a batch file, by the name of the answer.
    pub lines: BTreeMap<String, Line>,
}

/// A question as a line of a batch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// In OpenAI's form, which vLLM's offline runner reads too.
    OpenAi(String),
    /// In Bedrock's form.
    #[cfg_attr(not(feature = "bedrock"), expect(dead_code, reason = "Bedrock alone writes it"))]
    Bedrock(String),
}

impl Line {
    pub(crate) fn text(&self) -> &str {
        match self {
            Line::OpenAi(text) | Line::Bedrock(text) => text,
        }
    }
}

/// Where a batch service finds questions and leaves answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlace {
    /// `s3://bucket/prefix`.
    pub uri: String,
    /// Role that lets the service read and write there.
    pub role: String,
}

/// What a batch service answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    /// The name of the answer.
    pub key: String,
    pub completion: Completion,
}

/// What became of a file of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Read {
    /// Answers that are kept now.
    pub n_kept: usize,
    /// Questions whose call failed, and lines that cannot be read: they stay open.
    pub n_failed: usize,
}

impl Batch {
    /// From now on questions are collected and not asked.
    pub(crate) fn collect(&self) {
        self.is_collecting.store(true, Ordering::Relaxed);
    }

    /// From now on questions are asked; returns the collected ones by judge.
    pub(crate) fn take(&self) -> BTreeMap<String, Open> {
        self.is_collecting.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.open.lock())
    }

    /// The calls that batches made since this was asked last.
    pub(crate) fn booked(&self) -> Vec<Call> {
        std::mem::take(&mut *self.booked.lock())
    }

    pub(super) fn is_collecting(&self) -> bool {
        self.is_collecting.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, judge: &Arc<dyn Judge>, key: String, line: Line) {
        let mut open = self.open.lock();
        let of_judge = open.entry(judge.identity()).or_insert_with(|| Open { judge: Arc::clone(judge), lines: BTreeMap::new() });
        of_judge.lines.insert(key, line);
    }

    /// Has a judge's service answer its questions, and keeps and books the answers; returns how many there were.
    pub(crate) async fn answer(&self, open: &Open, place: &BatchPlace, cache: &Cache) -> Result<usize, CallError> {
        let lines: Vec<String> = open.lines.values().map(|line| line.text().to_owned()).collect();
        let answered = open.judge.run_batch(&lines, place).await?;
        let mut booked = self.booked.lock();
        for Answered { key, completion } in &answered {
            cache.put(key, completion);
            let model = open.judge.model().to_owned();
            booked.push(Call { purpose: "batch".to_owned(), model, usage: completion.usage, outcome: "ok".to_owned() });
        }
        Ok(answered.len())
    }
}

/// A line of OpenAI's batch files, which vLLM's offline runner reads too.
pub(super) fn openai_line(key: &str, body: &str) -> Line {
    Line::OpenAi(format!(r#"{{"custom_id":"{key}","method":"POST","url":"/v1/chat/completions","body":{body}}}"#))
}

/// Keeps the answers in a file of results.
pub(crate) fn read_openai(text: &str, cache: &Cache) -> Read {
    #[derive(Deserialize)]
    struct Line {
        custom_id: String,
        response: Option<Response>,
    }
    #[derive(Deserialize)]
    struct Response {
        status_code: Option<u16>,
        body: Box<RawValue>,
    }
    let mut read = Read::default();
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        let answered = serde_json::from_str::<Line>(line).ok().and_then(|line| {
            let response = line.response.filter(|response| response.status_code.is_none_or(|status| status == 200))?;
            Some((line.custom_id, batch_answer(response.body.get().as_bytes()).ok()?))
        });
        match answered {
            Some((key, completion)) => {
                cache.put(&key, &completion);
                read.n_kept += 1;
            }
            None => read.n_failed += 1,
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_under_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        let good = r#"{"id":"b","custom_id":"abcd","response":{"status_code":200,"request_id":"r","body":{"choices":[{"message":{"content":"yes"}}]}},"error":null}"#;
        let refused = r#"{"id":"b","custom_id":"ef01","response":{"status_code":400,"body":{"error":{"message":"no"}}},"error":null}"#;
        let lost = r#"{"id":"b","custom_id":"2345","response":null,"error":{"code":"batch_expired"}}"#;
        let read = read_openai(&format!("{good}\n{refused}\n{lost}\n{{half\n"), &cache);
        assert_eq!(read, Read { n_kept: 1, n_failed: 3 });
        assert_eq!(cache.get("abcd").unwrap().text, "yes");
    }
}
