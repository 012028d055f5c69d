//! Which commit is checked out, read from the files of git; and what a suite is called in its repository.

use std::path::{Path, PathBuf};

use crate::template::Env;

/// The commit and the branch that are checked out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Git {
    /// The commit, in hex.
    pub commit: Option<String>,
    /// The branch; nothing where HEAD is detached and no CI system names one.
    pub branch: Option<String>,
}

impl Git {
    /// Looks for a repository in a directory and those above it; what cannot be read is left out. CI systems check out a commit without its branch,
    /// and name that in `env`.
    pub fn of(directory: &Path, env: Env<'_>) -> Self {
        let found = Self::in_files(directory);
        let branch = found.branch.or_else(|| found.commit.as_ref().and_then(|_| branch_of_ci(env)));
        Self { branch, ..found }
    }

    fn in_files(directory: &Path) -> Self {
        // What lies beside a file that is named without a directory lies here.
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
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

/// The branch that a CI system built. That of a pull request is none: a fork's `main` is not the project's, and must not become its baseline.
fn branch_of_ci(env: Env<'_>) -> Option<String> {
    let filled = |name: &str| env(name).filter(|value| !value.is_empty());
    let github = || filled("GITHUB_REF").and_then(|reference| reference.strip_prefix("refs/heads/").map(str::to_owned));
    // GitLab names it in pipelines of branches alone.
    let gitlab = || filled("CI_COMMIT_BRANCH");
    let jenkins = || filled("BRANCH_NAME").filter(|_| filled("CHANGE_ID").is_none());
    let circle = || filled("CIRCLE_BRANCH").filter(|_| filled("CIRCLE_PULL_REQUEST").is_none());
    let buildkite = || filled("BUILDKITE_BRANCH").filter(|_| filled("BUILDKITE_PULL_REQUEST").is_none_or(|number| number == "false"));
    github().or_else(gitlab).or_else(jenkins).or_else(circle).or_else(buildkite)
}

/// The name of a file that is the same from wherever it is named: its path in the repository, else beneath the working directory, else in full.
pub(crate) fn name_in_repository(path: &Path) -> String {
    let Ok(full) = path.canonicalize() else { return path.display().to_string() };
    let working = std::env::current_dir().and_then(|directory| directory.canonicalize()).ok();
    let repository = full.ancestors().skip(1).find(|directory| git_directory(directory).is_some());
    let beneath = |root: &Path| full.strip_prefix(root).ok().map(|path| path.display().to_string());
    repository.and_then(beneath).or_else(|| beneath(&working?)).unwrap_or_else(|| full.display().to_string())
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
        assert_eq!(Git::of(&below, &|_| None), Git { commit: Some("abc123".to_owned()), branch: Some("main".to_owned()) });
        std::fs::write(git.join("refs/heads/main"), "def456\n").unwrap();
        // The tests run in a directory of this repository, or of an unpacked archive of it.
        assert_eq!(Git::of(Path::new(""), &|_| None), Git::of(&std::env::current_dir().unwrap(), &|_| None));
        assert_eq!(Git::of(root.path(), &|_| None).commit.as_deref(), Some("def456"));
        std::fs::write(git.join("HEAD"), "999\n").unwrap();
        assert_eq!(Git::of(root.path(), &|_| None), Git { commit: Some("999".to_owned()), branch: None });
    }
    /// A job of a branch is one; a pull request is none, whatever its branch is called.
    #[test]
    fn a_detached_head_is_the_branch_that_the_ci_system_names() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(".git")).unwrap();
        let check = |head: &str, env: &[(&str, &str)], branch: Option<&str>| {
            std::fs::write(root.path().join(".git/HEAD"), head).unwrap();
            let named = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Git::of(root.path(), &named).branch.as_deref(), branch, "{env:?}");
        };
        check("999\n", &[], None);
        check("999\n", &[("GITHUB_REF", "refs/heads/main")], Some("main"));
        check("999\n", &[("GITHUB_REF", "refs/pull/7/merge"), ("GITHUB_HEAD_REF", "main")], None);
        check("999\n", &[("CI_COMMIT_BRANCH", "main")], Some("main"));
        check("999\n", &[("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main")], None);
        check("999\n", &[("BRANCH_NAME", "PR-7"), ("CHANGE_ID", "7")], None);
        check("999\n", &[("BUILDKITE_BRANCH", "main"), ("BUILDKITE_PULL_REQUEST", "false")], Some("main"));
        check("ref: refs/heads/work\n", &[("GITHUB_REF", "refs/heads/main")], Some("work"));
    }

    #[test]
    fn a_file_has_one_name_in_its_repository() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("suites/deep")).unwrap();
        let file = root.path().join("suites/s.yaml");
        std::fs::write(&file, "").unwrap();
        let outside = file.canonicalize().unwrap().display().to_string();
        assert_eq!(name_in_repository(&root.path().join("suites/deep/../s.yaml")), outside);
        std::fs::create_dir(root.path().join(".git")).unwrap();
        for path in [&file, &root.path().join("suites/./s.yaml"), &root.path().join("suites/deep/../s.yaml")] {
            assert_eq!(name_in_repository(path), "suites/s.yaml");
        }
        assert_eq!(name_in_repository(Path::new("no/such.yaml")), "no/such.yaml");
    }
}
