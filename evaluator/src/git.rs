//! Which commit is checked out, read from the files of git.

use std::path::{Path, PathBuf};

/// The commit and the branch that are checked out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Git {
    /// The commit, in hex.
    pub commit: Option<String>,
    /// The branch; nothing where HEAD is detached.
    pub branch: Option<String>,
}

impl Git {
    /// Looks for a repository in a directory and those above it; what cannot be read is left out.
    pub fn of(directory: &Path) -> Self {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let Some(git) = absolute.ancestors().find_map(git_directory) else { return Self::default() };
        let read = |path: PathBuf| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let Some(head) = read(git.join("HEAD")) else { return Self::default() };
        let Some(reference) = head.strip_prefix("ref: ") else { return Self { commit: Some(head), branch: None } };
        // The branches of a linked worktree live in the main repository.
        let common = read(git.join("commondir")).map_or_else(|| git.clone(), |common| git.join(common));
        let packed = || {
            let packed = read(common.join("packed-refs"))?;
            packed.lines().find_map(|line| line.strip_suffix(reference)?.strip_suffix(' ').map(str::to_owned))
        };
        let commit = read(common.join(reference)).or_else(packed);
        Self { commit, branch: reference.strip_prefix("refs/heads/").map(str::to_owned) }
    }
}

fn git_directory(directory: &Path) -> Option<PathBuf> {
    let git = directory.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let link = std::fs::read_to_string(&git).ok()?;
    Some(directory.join(link.trim().strip_prefix("gitdir: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_loose_or_packed() {
        let root = tempfile::tempdir().unwrap();
        let git = root.path().join(".git");
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        std::fs::write(git.join("packed-refs"), "# pack-refs\nabc123 refs/heads/main\n").unwrap();
        let below = root.path().join("suites/deep");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(Git::of(&below), Git { commit: Some("abc123".to_owned()), branch: Some("main".to_owned()) });
        std::fs::write(git.join("refs/heads/main"), "def456\n").unwrap();
        assert_eq!(Git::of(root.path()).commit.as_deref(), Some("def456"));
        std::fs::write(git.join("HEAD"), "999\n").unwrap();
        assert_eq!(Git::of(root.path()), Git { commit: Some("999".to_owned()), branch: None });
    }
}
