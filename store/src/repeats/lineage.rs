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

#[cfg(test)]
mod tests {
    use schema::Day;

    use super::*;
    use crate::change::Swap;
    use crate::snapshot::Bounds;

    fn file(path: &str) -> Arc<DataFile> {
        let path = path.to_owned();
        Arc::new(DataFile { path, bytes: 1, rows: 1, date: Day(0), time: Bounds::default(), ingested: Bounds::default(), ids: None })
    }

    fn change(removed: &[&str], added: &[&str], rows: Kept) -> Change {
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let swap = Swap { removed: paths(removed), added: paths(added), rows };
        Change { added: added.iter().map(|path| file(path)).collect(), removed: paths(removed), swaps: vec![swap], ..Change::default() }
    }

    #[track_caller]
    fn check(lineage: &Lineage, known: &[&str], files: &[&str], unknown: &[&str]) {
        let files: Vec<_> = files.iter().map(|path| file(path)).collect();
        let mut found: Vec<_> =
            lineage.unknown(&known.iter().map(|path| (*path).to_owned()).collect(), &files).iter().map(|file| file.path.clone()).collect();
        found.sort();
        assert_eq!(found, unknown);
    }

    #[test]
    fn a_file_made_of_others_is_traced_back_to_those_that_are_not_known() {
        let mut lineage = Lineage::default();
        lineage.watch();
        lineage.note(1, &change(&["a", "b"], &["ab"], Kept::All), &[file("a"), file("b")]);
        let mut later = change(&["ab", "c"], &["abc"], Kept::All);
        later.passed.push(file("c"));
        lineage.note(2, &later, &[file("ab")]);
        check(&lineage, &["a"], &["abc", "d"], &["b", "c", "d"]);
        check(&lineage, &["ab", "c"], &["abc"], &[]);
        assert!(lineage.is_clear_since(0) && !lineage.has_lost_since(0));
        lineage.forget(2);
        check(&lineage, &["a"], &["abc"], &["abc"]);
    }

    #[test]
    fn what_cannot_be_traced_is_no_guess() {
        let mut lineage = Lineage::default();
        lineage.note(1, &change(&["a"], &["b"], Kept::All), &[file("a")]);
        assert!(!lineage.is_clear_since(0) && lineage.is_clear_since(1), "nobody had looked yet");
        lineage.watch();
        lineage.note(2, &change(&["b"], &[], Kept::Some), &[file("b")]);
        assert!(lineage.is_clear_since(1) && lineage.has_lost_since(1), "rows that go leave nothing to trace");
        lineage.note(3, &change(&["c"], &["d"], Kept::Unknown), &[file("c")]);
        assert!(!lineage.is_clear_since(2) && lineage.is_clear_since(3));
        lineage.note(4, &change(&["nowhere"], &["e"], Kept::All), &[]);
        assert!(!lineage.is_clear_since(3));
    }
}
