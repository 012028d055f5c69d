//! Files by a pattern.

use std::path::{Path, PathBuf};

/// The files that a path names; `*` and `?` stand for parts of names, `**` for folders. Sorted, so that cases keep their order.
pub(super) fn files(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![base.to_owned()];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if pattern.starts_with('/') {
        found = vec![PathBuf::from("/")];
    }
    for part in parts {
        found = found.iter().flat_map(|folder| within(folder, part)).collect();
    }
    found.retain(|path| path.is_file());
    found.sort();
    found.dedup();
    found
}

fn within(folder: &Path, part: &str) -> Vec<PathBuf> {
    if part == "**" {
        let below = entries(folder).into_iter().filter(|path| path.is_dir()).flat_map(|path| within(&path, part));
        return std::iter::once(folder.to_owned()).chain(below).collect();
    }
    if !part.contains(['*', '?']) {
        return vec![folder.join(part)];
    }
    let fits = |path: &PathBuf| path.file_name().is_some_and(|name| is_like(&name.to_string_lossy(), part));
    entries(folder).into_iter().filter(fits).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default()
}

/// Whether a name fits a pattern of `*` and `?`.
fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let mut row: Vec<bool> = (0..=name.len()).map(|length| length == 0).collect();
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        next[0] = wanted == '*' && row[0];
        for at in 1..=name.len() {
            next[at] = match wanted {
                '*' => next[at - 1] || row[at],
                '?' => row[at - 1],
                c => row[at - 1] && name[at - 1] == c,
            };
        }
        row = next;
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn stars_stand_for_anything() {
        assert!(is_like("a.yaml", "*.yaml") && is_like("ab", "a?") && is_like("x", "*") && is_like("test-12.csv", "test-*.csv"));
        assert!(!is_like("a.yml", "*.yaml") && !is_like("a", "a?"));
    }
}
