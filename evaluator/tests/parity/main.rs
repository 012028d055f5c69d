//! The same suites through promptfoo and through karat: the same verdict, case by case and assertion by assertion.
//!
//! `expected.json` is what promptfoo 0.123.1 said (`tests/services/promptfoo.sh verdicts`), so no npm is needed; where there is one, promptfoo
//! is run again. What differs on purpose stands in `oddities.txt`, each with its reason, and never makes karat pass where promptfoo does not.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod app;

use std::path::{Path, PathBuf};
use std::process::Command;

use evaluator::suite::Compare;
use evaluator::{Archive, Control, EvaluatorConfig, Options, Report, run};
use schema::Micros;
use serde_json::Value;

use app::App;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity")
}

fn suites() -> Vec<String> {
    let entries = std::fs::read_dir(folder().join("suites")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut suites: Vec<String> = names.filter(|name| name.ends_with(".yaml") && name.starts_with(|c: char| c.is_ascii_digit())).collect();
    suites.sort();
    suites
}

/// `suite.yaml:3 reason`: in its fourth case karat says something else, on purpose.
fn oddities() -> Vec<String> {
    let text = std::fs::read_to_string(folder().join("oddities.txt")).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

async fn judge(suite: &str, url: &str) -> Report {
    let url = url.to_owned();
    let env = move |name: &str| match name {
        "PARITY_URL" => Some(url.clone()),
        "PARITY_WORD" => Some("word".to_owned()),
        _ => None,
    };
    let config = EvaluatorConfig { concurrency: 4, attempts_max: 1, ..EvaluatorConfig::default() };
    let options = Options {
        config,
        env: &env,
        compare: Compare::Nothing,
        git: evaluator::git::Git::default(),
        archive: Archive::Nowhere,
        control: Control::default(),
    };
    run(&folder().join("suites").join(suite), &options, Micros(1_795_000_000_000_000)).await.unwrap_or_else(|error| panic!("{suite}: {error}"))
}

/// What differs between promptfoo's verdicts and karat's.
fn differences(suite: &str, expected: &Value, found: &Report) -> Vec<(String, String)> {
    let mut different = Vec::new();
    let cases = expected["cases"].as_array().unwrap();
    if cases.len() != found.cases.len() {
        return vec![(suite.to_owned(), format!("{} cases, promptfoo has {}", found.cases.len(), cases.len()))];
    }
    for (index, (theirs, ours)) in cases.iter().zip(&found.cases).enumerate() {
        let mut say = |what: String| different.push((format!("{suite}:{index}"), what));
        if theirs["outcome"] != ours.outcome.name() {
            let reasons: Vec<&str> = ours.scores.iter().map(|score| score.reason.as_str()).collect();
            say(format!("{}, promptfoo says {}: {:?} {reasons:?}", ours.outcome.name(), theirs["outcome"], ours.output));
            continue;
        }
        if theirs["outcome"] == "error" {
            continue;
        }
        let (score, expected) = (ours.score.unwrap_or_default(), theirs["score"].as_f64().unwrap());
        if (score - expected).abs() > 1e-9 {
            say(format!("score {score}, promptfoo says {expected}"));
        }
        let none = Vec::new();
        let asserts = theirs["asserts"].as_array().unwrap_or(&none);
        if asserts.len() != ours.scores.len() {
            say(format!("{} assertions, promptfoo has {}", ours.scores.len(), asserts.len()));
            continue;
        }
        for (theirs, ours) in asserts.iter().zip(&ours.scores) {
            let score = ours.score.or(ours.value).unwrap_or_default();
            if theirs["pass"].as_bool() != ours.passed || (theirs["score"].as_f64().unwrap() - score).abs() > 1e-9 {
                say(format!("{}: {:?} {score}, promptfoo says {theirs}: {:?}", ours.check, ours.passed, ours.reason));
            }
        }
    }
    different.extend(sum_differences(suite, expected, found));
    different
}

/// The sums of named metrics, column by column; promptfoo also names what `max-score` counted.
fn sum_differences(suite: &str, expected: &Value, found: &Report) -> Vec<(String, String)> {
    let columns = expected["sums"].as_array().unwrap();
    let mut different = Vec::new();
    for (theirs, ours) in columns.iter().zip(&found.sums) {
        for (name, sum) in
            theirs.as_object().unwrap().iter().filter(|(name, _)| !["maxScore", "assertionCount", "totalWeight"].contains(&name.as_str()))
        {
            let found = ours.sums.get(name).copied();
            if found.is_none_or(|found| (found - sum.as_f64().unwrap()).abs() > 1e-9) {
                different.push((suite.to_owned(), format!("sum of {name} is {found:?}, promptfoo says {sum}")));
            }
        }
    }
    different
}

#[tokio::test]
async fn verdicts_are_promptfoos() {
    let app = App::start().await;
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    let oddities = oddities();
    let (mut n_cases, mut unexplained, mut explained) = (0, Vec::new(), 0);
    for suite in suites() {
        let report = judge(&suite, &app.url).await;
        let theirs = &expected[&suite];
        assert!(theirs["cases"].is_array(), "{suite} is not in expected.json; make it anew with tests/services/promptfoo.sh verdicts");
        n_cases += report.cases.len();
        for (place, what) in differences(&suite, theirs, &report) {
            let index = place.rsplit_once(':').and_then(|(_, index)| index.parse::<usize>().ok());
            let passes_alone = index.is_some_and(|index| report.cases[index].outcome.name() == "pass" && theirs["cases"][index]["outcome"] != "pass");
            if oddities.contains(&place) && !passes_alone {
                explained += 1;
            } else {
                unexplained.push(format!("{place}: {what}"));
            }
        }
    }
    assert!(unexplained.is_empty(), "{} of {n_cases} cases differ:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(suites().len() >= 60 && explained * 100 <= n_cases * 3, "{explained} of {n_cases} cases differ on purpose");
}

/// Runs promptfoo itself, so that the stored verdicts cannot go stale unseen.
#[tokio::test]
async fn the_stored_verdicts_are_what_promptfoo_says() {
    if std::env::var("KARAT_SERVICE_TESTS").is_err() {
        eprintln!("SKIPPED: promptfoo itself was not run, its stored verdicts were compared; run with KARAT_SERVICE_TESTS=1 (it needs npm)");
        return;
    }
    let app = App::start().await;
    let url = app.url.clone();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/services/promptfoo.sh");
    let run = move || Command::new("bash").arg(script).arg("verdicts").arg(folder().join("suites")).arg(url).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    for (suite, theirs) in stored.as_object().unwrap() {
        assert_eq!(&said[suite], theirs, "{suite}");
    }
}
