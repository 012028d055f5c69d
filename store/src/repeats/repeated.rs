//! The spans that were sent more than once, and which row of each was sent last.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::hashes::SpanHash;

/// What an entry takes beside the text of its ids, about.
const ENTRY_BYTES: usize = 160;

/// What is known of the rows of one span.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub trace_id: Box<str>,
    pub span_id: Box<str>,
    /// When the last row of it arrived.
    pub ingested_at: i64,
    /// Rows with that time; above one, the first that is read stands for all.
    pub ties: usize,
    rows: usize,
}

/// Rows of spans that may have been sent more than once.
#[derive(Debug, Clone, Default)]
pub(super) struct Sendings {
    spans: HashMap<SpanHash, Vec<Sent>, Identity>,
    /// Spans with more than one row.
    n_repeated: usize,
    bytes: usize,
}

impl Sendings {
    /// Takes in one row.
    pub(super) fn add(&mut self, trace_id: &str, span_id: &str, ingested_at: i64) {
        let hash = hash_of(trace_id, span_id);
        let Some(sent) = self.spans.entry(hash).or_default().iter_mut().find(|sent| sent.is(trace_id, span_id)) else {
            return self.insert(hash, Sent { trace_id: trace_id.into(), span_id: span_id.into(), ingested_at, ties: 1, rows: 1 });
        };
        match ingested_at.cmp(&sent.ingested_at) {
            std::cmp::Ordering::Greater => (sent.ingested_at, sent.ties) = (ingested_at, 1),
            std::cmp::Ordering::Equal => sent.ties += 1,
            std::cmp::Ordering::Less => {}
        }
        sent.rows += 1;
        self.n_repeated += usize::from(sent.rows == 2);
    }

    fn insert(&mut self, hash: SpanHash, sent: Sent) {
        self.bytes += ENTRY_BYTES + sent.trace_id.len() + sent.span_id.len();
        self.n_repeated += usize::from(sent.rows > 1);
        self.spans.entry(hash).or_default().push(sent);
    }

    /// Takes everything with these hashes out.
    pub(super) fn remove(&mut self, hashes: impl IntoIterator<Item = SpanHash>) {
        for sent in hashes.into_iter().filter_map(|hash| self.spans.remove(&hash)).flatten() {
            self.bytes -= ENTRY_BYTES + sent.trace_id.len() + sent.span_id.len();
            self.n_repeated -= usize::from(sent.rows > 1);
        }
    }

    pub(super) fn of_hash(&self, hash: SpanHash) -> &[Sent] {
        self.spans.get(&hash).map_or(&[], Vec::as_slice)
    }

    fn get(&self, trace_id: &str, span_id: &str, hash: SpanHash) -> Option<&Sent> {
        self.of_hash(hash).iter().find(|sent| sent.is(trace_id, span_id))
    }

    /// Returns what it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Sent {
    fn is(&self, trace_id: &str, span_id: &str) -> bool {
        *self.trace_id == *trace_id && *self.span_id == *span_id
    }
}

/// The spans that were sent more than once, as one query sees them.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    /// Rows in files.
    files: Arc<Sendings>,
    /// Spans of which rows are in no file yet, with all their rows.
    held: Sendings,
}

impl Repeated {
    pub(super) fn new(files: Arc<Sendings>) -> Repeated {
        Repeated { files, held: Sendings::default() }
    }

    /// Takes in a row that no file holds yet.
    pub(super) fn hold(&mut self, trace_id: &str, span_id: &str, ingested_at: i64) {
        let hash = hash_of(trace_id, span_id);
        if self.held.get(trace_id, span_id, hash).is_none()
            && let Some(sent) = self.files.get(trace_id, span_id, hash)
        {
            self.held.insert(hash, sent.clone());
        }
        self.held.add(trace_id, span_id, ingested_at);
    }

    /// Tells whether no span was sent more than once.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.n_repeated + self.held.n_repeated == 0
    }

    /// Returns what is known of a span that may have been sent more than once; nothing of one that was sent once.
    pub(crate) fn get(&self, trace_id: &str, span_id: &str) -> Option<&Sent> {
        let hash = hash_of(trace_id, span_id);
        self.held.get(trace_id, span_id, hash).or_else(|| self.files.get(trace_id, span_id, hash))
    }

    /// Lists the traces of which spans were sent more than once, unless they are more than `at_most`.
    pub(crate) fn traces(&self, at_most: usize) -> Option<Vec<&str>> {
        if self.files.n_repeated + self.held.n_repeated > at_most {
            return None;
        }
        let all = self.files.spans.values().chain(self.held.spans.values()).flatten();
        Some(all.filter(|sent| sent.rows > 1).map(|sent| &*sent.trace_id).collect())
    }
}

/// Hashes a span's ids.
pub(super) fn hash_of(trace_id: &str, span_id: &str) -> SpanHash {
    let halves = [trace_id, span_id].map(|id| XxHash3_128::oneshot(id.as_bytes()).to_le_bytes());
    let half = |bytes: [u8; 16]| u64::from_le_bytes(std::array::from_fn(|index| bytes[index]));
    half(halves[0]).rotate_left(1) ^ half(halves[1])
}

/// Takes a hash as it is.
#[derive(Debug, Default, Clone)]
pub(super) struct IdentityHasher(u64);

pub(super) type Identity = BuildHasherDefault<IdentityHasher>;

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
