//! Unknown keys, and the right key that was probably meant.

use serde_yaml_ng::{Mapping, Value};

/// Finds the first key of `mapping` that is not among `known`, with the nearest one that is.
pub(super) fn unknown_key(mapping: &Mapping, known: &'static [&'static str]) -> Option<(String, &'static str)> {
    mapping.keys().find_map(|key| {
        let key = match key {
            Value::String(text) => text.clone(),
            other => format!("{other:?}"),
        };
        (!known.contains(&key.as_str())).then(|| {
            let nearest = known.iter().copied().min_by_key(|candidate| edits(&key, candidate)).unwrap_or_default();
            (key, nearest)
        })
    })
}

/// Counts the insertions, deletions and replacements that turn `from` into `to` (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("windw", "window"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "for"), 3);
    }
}
