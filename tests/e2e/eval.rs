//! `karat eval` over the shipped suite: the exit code is the verdict.

use std::path::Path;
use std::process::Output;

use crate::server::karat;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn eval(args: &[&str]) -> Output {
    karat().current_dir(root()).arg("eval").args(args).output().unwrap()
}

#[track_caller]
fn check(args: &[&str], exit_code: i32) -> String {
    let output = eval(args);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(exit_code), "{said}");
    said
}

#[test]
fn the_shipped_suite_passes_and_says_what_the_pass_is_worth() {
    let said = check(&["suites/rag.yaml"], 0);
    assert!(said.contains("PASS"), "{said}");
    assert!(said.contains("would have been caught"), "{said}");
}

/// Every third recorded answer becomes another case's answer: a fall that the gate must see.
#[test]
fn a_planted_regression_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["suites", "suites/schemas", "datasets/rag", "baselines", "rubrics"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
            std::fs::copy(entry.path(), dir.path().join(folder).join(entry.file_name())).unwrap();
        }
    }
    let file = dir.path().join("datasets/rag/questions.jsonl");
    let mut cases: Vec<serde_json::Value> = std::fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answers: Vec<_> = cases.iter().map(|case| case["answer"].clone()).collect();
    for (number, case) in cases.iter_mut().enumerate().filter(|(number, _)| number % 3 == 0) {
        case["answer"] = answers[(number + 7) % answers.len()].clone();
    }
    std::fs::write(&file, cases.iter().map(|case| format!("{case}\n")).collect::<String>()).unwrap();
    let suite = dir.path().join("suites/rag.yaml");
    let said = check(&[suite.to_str().unwrap()], 100);
    assert!(said.contains("REGRESSED"), "{said}");
}

/// What the page on suites tells CI to run runs, and writes the files that it goes on with.
#[test]
fn the_commands_for_ci_run() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let (action, page) = (read("action.yml"), read("suites/README.md"));
    let step: Vec<&str> = action.lines().map(str::trim).filter(|line| line.starts_with("mkdir ") || line.contains("/karat eval ")).collect();
    let job = page.lines().find_map(|line| line.trim().strip_prefix("script: ")).unwrap();
    assert_eq!(step.len(), 2, "{step:?}");
    let of_github = ["karat-report/rag.json", "karat-report/support.html", "karat-report/rag.md"];
    for (commands, files) in [(step.join("\n"), of_github), (job.to_owned(), ["rag.xml", "rag.json", "support.xml"])] {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["datasets", "baselines", "rubrics"] {
            std::os::unix::fs::symlink(root().join(folder), dir.path().join(folder)).unwrap();
        }
        for bin in [".karat/bin", ".karat-bin/bin", "suites"] {
            std::fs::create_dir_all(dir.path().join(bin)).unwrap();
        }
        for bin in [".karat/bin", ".karat-bin/bin"] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_karat"), dir.path().join(bin).join("karat")).unwrap();
        }
        // The suite that asks a model has none here.
        for entry in ["rag.yaml", "support.yaml", "schemas"] {
            std::os::unix::fs::symlink(root().join("suites").join(entry), dir.path().join("suites").join(entry)).unwrap();
        }
        let mut bash = std::process::Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &commands]).current_dir(dir.path());
        let output = bash.env("HOME", dir.path()).env("SUITES", "suites/rag.yaml suites/support.yaml").env("ARGS", "").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
        for file in files {
            assert!(std::fs::metadata(dir.path().join(file)).unwrap().len() > 0, "{commands}: {file}");
        }
        assert!(!commands.contains("--format github") || String::from_utf8_lossy(&output.stdout).starts_with("::notice file=suites/rag.yaml"));
    }
}

#[test]
fn a_wrong_key_is_named_with_the_nearest_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let suite = dir.path().join("suite.yaml");
    std::fs::write(&suite, "description: x\ndatset: questions.jsonl\n").unwrap();
    let said = check(&[suite.to_str().unwrap()], 2);
    assert!(said.contains("dataset"), "{said}");
}
