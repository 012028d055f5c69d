//! Judges' answers on disk, by what was asked: the same question of the same model is paid for once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::chat::{Completion, Token};

/// A directory of answers, `ab/cdef….json` by the hash of model, settings and question.
///
/// A file is written beside its place and renamed, so that a reader sees a whole answer or none; what cannot be read or written costs a call, never
/// a run.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

/// One answer, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<Token>>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
}

impl Cache {
    /// Opens a directory, and drops the oldest answers where it holds more than it may.
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> Option<Self> {
        if bytes_max == 0 {
            return None;
        }
        prune(dir, bytes_max);
        Some(Self { dir: dir.to_owned() })
    }

    /// The answer to a question that was asked before; it costs nothing.
    pub(crate) fn get(&self, key: &str) -> Option<Completion> {
        let kept: Kept = serde_json::from_slice(&std::fs::read(self.place(key)).ok()?).ok()?;
        Some(Completion { text: kept.text, tokens: kept.tokens, is_cached: true, ..Completion::default() })
    }

    /// Keeps an answer.
    pub(crate) fn put(&self, key: &str, completion: &Completion) {
        let kept = Kept {
            text: completion.text.clone(),
            tokens: completion.tokens.clone(),
            input_tokens: completion.usage.input_tokens,
            output_tokens: completion.usage.output_tokens,
        };
        if let Err(error) = self.write(key, &kept) {
            tracing::warn!(dir = %self.dir.display(), %error, "could not keep a judge's answer: it will be asked for again");
        }
    }

    fn write(&self, key: &str, kept: &Kept) -> std::io::Result<()> {
        // Two that write the same answer at once write to two files.
        static N_WRITTEN: AtomicU64 = AtomicU64::new(0);
        let place = self.place(key);
        std::fs::create_dir_all(place.parent().unwrap_or(&self.dir))?;
        let beside = place.with_extension(format!("{}-{}", std::process::id(), N_WRITTEN.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&beside, serde_json::to_vec(kept)?)?;
        std::fs::rename(&beside, &place)
    }

    fn place(&self, key: &str) -> PathBuf {
        let (head, tail) = key.split_at_checked(2).unwrap_or(("00", key));
        self.dir.join(head).join(format!("{tail}.json"))
    }
}

/// Deletes the oldest answers until nine tenths of the bound are left, so that it is not done again at once.
fn prune(dir: &Path, bytes_max: u64) {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = files_under(dir).collect();
    let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    if bytes <= bytes_max {
        return;
    }
    files.sort();
    for (_, size, path) in files {
        if bytes <= bytes_max / 10 * 9 {
            break;
        }
        if std::fs::remove_file(&path).is_ok() {
            bytes -= size;
        }
    }
}

fn files_under(dir: &Path) -> impl Iterator<Item = (SystemTime, u64, PathBuf)> {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries(dir).flat_map(move |part| entries(&part.path())).filter_map(|file| {
        let about = file.metadata().ok()?;
        Some((about.modified().ok()?, about.len(), file.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Usage;

    fn completion(text: &str) -> Completion {
        Completion { text: text.to_owned(), ..Completion::default() }
    }

    #[test]
    fn answers_come_back_and_cost_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(cache.get("abcd"), None);
        cache.put("abcd", &Completion { usage: Usage { input_tokens: Some(7), ..Usage::default() }, ..completion("yes") });
        let found = cache.get("abcd").unwrap();
        assert_eq!((found.text.as_str(), found.usage, found.is_cached), ("yes", Usage::default(), true));
    }

    /// A file that was cut or overwritten is a question that was never asked.
    #[test]
    fn what_is_broken_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        cache.put("abcd", &completion("yes"));
        std::fs::write(dir.path().join("ab/cd.json"), "{\"text\": \"y").unwrap();
        assert_eq!(cache.get("abcd"), None);
    }

    #[test]
    fn the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        for (age_s, key) in [(300, "aaold"), (200, "bbmiddle"), (100, "ccnew")] {
            cache.put(key, &completion(&"x".repeat(1_000)));
            let file = std::fs::File::options().write(true).open(cache.place(key)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age_s)).unwrap();
        }
        let cache = Cache::open(dir.path(), 2_500).unwrap();
        assert_eq!((cache.get("aaold").is_some(), cache.get("bbmiddle").is_some(), cache.get("ccnew").is_some()), (false, true, true));
        assert!(Cache::open(dir.path(), 0).is_none());
    }
}
