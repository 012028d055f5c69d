//! Which files hold rows of which earlier files, so that rows that were only moved are not taken for rows that were sent again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::change::{Change, Kept};
use crate::snapshot::DataFile;

/// Moves that are remembered while no query asks; behind that the files are read anew.
const MOVES_MAX: usize = 1_000;

/// What became of files since the last look.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    moves: Vec<Move>,
    /// Somebody looks; before that nothing is worth remembering.
    is_watched: bool,
    /// The last generation of which it is not known whence its files are.
    unclear_at: u64,
    /// The last generation in which rows went.
    lost_at: u64,
}

#[derive(Debug)]
struct Move {
    generation: u64,
    from: Vec<Arc<DataFile>>,
    to: Vec<String>,
}

impl Lineage {
    /// Remembers what happens to files from now on.
    pub(super) fn watch(&mut self) {
        self.is_watched = true;
    }

    /// Takes in a change of the table's files that leads to `generation`; `files` are those before it.
    pub(super) fn note(&mut self, generation: u64, change: &Change, files: &[Arc<DataFile>]) {
        for swap in &change.swaps {
            if swap.rows != Kept::All {
                self.lost_at = generation;
            }
            if swap.added.is_empty() {
                continue;
            }
            let find = |path: &String| files.iter().chain(&change.passed).find(|file| file.path == *path).map(without_filters);
            match swap.removed.iter().map(find).collect() {
                Some(from) if self.is_watched && swap.rows != Kept::Unknown && self.moves.len() < MOVES_MAX => {
                    self.moves.push(Move { generation, from, to: swap.added.clone() });
                }
                _ => {
                    self.unclear_at = generation;
                    self.moves.clear();
                }
            }
        }
    }

    /// Tells whether the files of every generation after this one can be traced back.
    pub(super) fn is_clear_since(&self, generation: u64) -> bool {
        self.unclear_at <= generation
    }

    /// Tells whether rows went after this generation.
    pub(super) fn has_lost_since(&self, generation: u64) -> bool {
        self.lost_at > generation
    }

    /// Lists the files whose rows are not among those of `known` files: of a file that was made of others, the others.
    pub(super) fn unknown(&self, known: &HashSet<String>, files: &[Arc<DataFile>]) -> Vec<Arc<DataFile>> {
        let origins: HashMap<&str, &Move> = self.moves.iter().flat_map(|made| made.to.iter().map(move |path| (path.as_str(), made))).collect();
        let (mut open, mut met, mut unknown) = (files.to_vec(), HashSet::new(), Vec::new());
        while let Some(file) = open.pop() {
            if known.contains(&file.path) || !met.insert(file.path.clone()) {
                continue;
            }
            match origins.get(file.path.as_str()) {
                Some(made) => open.extend(made.from.iter().cloned()),
                None => unknown.push(file),
            }
        }
        unknown
    }

    /// Forgets the moves up to a generation whose files are all known.
    pub(super) fn forget(&mut self, generation: u64) {
        self.moves.retain(|made| made.generation > generation);
    }
}

/// Copies what is known of a file without what takes memory.
fn without_filters(file: &Arc<DataFile>) -> Arc<DataFile> {
    Arc::new(DataFile { ids: None, ..file.as_ref().clone() })
}
