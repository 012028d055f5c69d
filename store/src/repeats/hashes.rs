//! A large set of hashes that grows a file at a time: sorted lists, which take 8 bytes a hash and are walked side by side.

/// A list is at least so many times as long as the next, so that a hash is moved a few times at most.
const FACTOR: usize = 4;

/// The hash of a span's ids; equal hashes of different spans only cost a second look.
pub(super) type SpanHash = u64;

/// A set of hashes.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    /// Each sorted, none twice, no hash in two of them.
    lists: Vec<Vec<SpanHash>>,
}

impl Hashes {
    /// Returns how many hashes there are.
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Adds hashes; returns those that were there before, or are there twice among the new ones.
    pub(super) fn add(&mut self, mut hashes: Vec<SpanHash>) -> Vec<SpanHash> {
        hashes.sort_unstable();
        let mut twice = repeated(&hashes);
        hashes.dedup();
        let known = self.known(&hashes);
        hashes.retain(|hash| known.binary_search(hash).is_err());
        twice.extend(known);
        hashes.shrink_to_fit();
        self.lists.push(hashes);
        while let [.., longer, last] = self.lists.as_slice()
            && longer.len() < FACTOR * last.len()
            && let Some(last) = self.lists.pop()
            && let Some(longer) = self.lists.last_mut()
        {
            merge(longer, &last);
        }
        twice
    }

    /// Returns those of `sorted` that are in the set, in their order.
    pub(super) fn known(&self, sorted: &[SpanHash]) -> Vec<SpanHash> {
        let mut known = Vec::new();
        for list in &self.lists {
            in_both(sorted, list, |hash| known.push(hash));
        }
        known.sort_unstable();
        known.dedup();
        known
    }
}

/// Returns the hashes that are there more than once.
pub(super) fn repeated(sorted: &[SpanHash]) -> Vec<SpanHash> {
    let mut repeated: Vec<_> = sorted.array_windows().filter(|[one, next]| one == next).map(|[one, _]| *one).collect();
    repeated.dedup();
    repeated
}

/// Calls `found` for each of `few` that is in `many`; steps over what lies between in leaps that double.
fn in_both(few: &[SpanHash], many: &[SpanHash], mut found: impl FnMut(SpanHash)) {
    let mut rest = many;
    for hash in few {
        let mut leap = 1;
        while leap < rest.len() && rest[leap] < *hash {
            leap *= 2;
        }
        let (from, to) = (leap / 2, rest.len().min(leap + 1));
        rest = &rest[from + rest[from..to].partition_point(|other| other < hash)..];
        match rest.first() {
            Some(first) if first == hash => found(*hash),
            Some(_) => {}
            None => return,
        }
    }
}

/// Moves sorted hashes into a sorted list, from the end on, so that nothing is copied beside it.
fn merge(list: &mut Vec<SpanHash>, new: &[SpanHash]) {
    let (mut old_left, mut new_left) = (list.len(), new.len());
    list.reserve_exact(new.len());
    list.resize(old_left + new_left, 0);
    while new_left > 0 {
        let at = old_left + new_left - 1;
        if old_left > 0 && list[old_left - 1] > new[new_left - 1] {
            old_left -= 1;
            list[at] = list[old_left];
        } else {
            new_left -= 1;
            list[at] = new[new_left];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes in whatever parts: a hash is known once it was added, and told when it comes again.
        #[test]
        fn a_hash_that_comes_again_is_told(parts in prop::collection::vec(prop::collection::vec(0_u64..2_000, 0..300), 0..12), asked in prop::collection::btree_set(0_u64..2_000, 0..100)) {
            let (mut hashes, mut counts) = (Hashes::default(), BTreeMap::<u64, usize>::new());
            for part in parts {
                let before: BTreeSet<u64> = counts.keys().copied().collect();
                let mut inside = BTreeMap::<u64, usize>::new();
                part.iter().for_each(|hash| *inside.entry(*hash).or_default() += 1);
                let expected: BTreeSet<u64> = inside.iter().filter(|(hash, n)| **n > 1 || before.contains(hash)).map(|(hash, _)| *hash).collect();
                prop_assert_eq!(hashes.add(part.clone()).into_iter().collect::<BTreeSet<_>>(), expected);
                part.iter().for_each(|hash| *counts.entry(*hash).or_default() += 1);
                prop_assert_eq!(hashes.len(), counts.len());
                prop_assert!(hashes.lists.iter().all(|list| list.is_sorted()));
            }
            let asked: Vec<u64> = asked.into_iter().collect();
            let known: Vec<u64> = asked.iter().copied().filter(|hash| counts.contains_key(hash)).collect();
            prop_assert_eq!(hashes.known(&asked), known);
        }
    }
}
