//! What ships in `suites/`, `datasets/`, `rubrics/` and `baselines/`.

use std::collections::BTreeSet;

use evaluator::EvaluatorConfig;
use evaluator::dataset::Dataset;
use evaluator::suite::{Compare, load};
use serde_json::Value;

use crate::workspace::{Workspace, root};

#[test]
fn every_suite_loads() {
    let files: Vec<_> = std::fs::read_dir(root().join("suites")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let suites: Vec<_> = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(suites.len() >= 2);
    for suite in suites {
        load(suite, &Compare::Suite, &EvaluatorConfig::default(), &|_| None).unwrap();
    }
}

fn questions() -> Dataset {
    Dataset::read(&root().join("datasets/rag/questions.jsonl"), 1 << 24).unwrap()
}

fn text<'a>(case: &'a evaluator::dataset::Case, column: &str) -> &'a str {
    case.vars[column].as_str().unwrap()
}

#[test]
fn the_questions_are_sound() {
    let dataset = questions();
    assert!(dataset.cases.len() >= 60 && dataset.duplicates.is_empty());
    assert!(dataset.cases.iter().map(|case| text(case, "topic")).collect::<BTreeSet<_>>().len() >= 9, "enough topics for a sign-flip");
    for case in &dataset.cases {
        let documents = case.vars["documents"].as_array().unwrap();
        let content = |document: &Value| format!("{}\n{}", document["title"].as_str().unwrap(), document["content"].as_str().unwrap());
        let sources: Vec<String> = documents.iter().map(content).collect();
        let key = text(case, "must_contain");
        let known = sources.iter().any(|source| source.to_lowercase().contains(&key.to_lowercase()));
        assert!(known || text(case, "reference").contains(key), "{}: {key:?} stands nowhere", case.id);
        if text(case, "format") == "text" {
            let grounded = measure::text::groundedness(text(case, "reference"), &sources).unwrap();
            assert_eq!(grounded.score(), 1.0, "{}: {:?}", case.id, grounded.claims);
        }
    }
}

/// Out of the box, without a network: what a new user tries first.
#[tokio::test]
async fn the_shipped_suite_passes_against_its_baseline() {
    let report = Workspace::expect(Workspace::of_rag().eval("suites/rag.yaml").await, 0);
    assert!(report.metrics.iter().all(|metric| metric.n_unscored == 0 && metric.n >= 40), "{:?}", report.metrics);
    assert!(report.metrics.iter().filter(|metric| metric.name != "form").all(|metric| metric.mde.is_some_and(|mde| mde > 0.0)));
}

/// The wrong answers that README.md names are the ones that are found.
#[tokio::test]
async fn the_planted_mistakes_are_found() {
    let report = Workspace::expect(Workspace::of_rag().eval_with("suites/rag.yaml", Compare::Nothing, false).await, 100);
    let poor = |metric: &str| -> Vec<&str> {
        let low = |case: &&evaluator::report::CaseReport| {
            case.scores.iter().any(|score| score.metric == metric && score.value.is_some_and(|value| value < 1.0))
        };
        report.cases.iter().filter(low).map(|case| case.id.as_str()).collect()
    };
    assert_eq!(poor("correct"), ["refunds-04", "tickets-05", "api-04", "quay-app-05"]);
    assert_eq!(poor("form"), ["vehicles-04", "quay-app-06"]);
    assert_eq!(poor("grounded"), ["refunds-04", "api-04", "exports-04"]);
}

#[tokio::test]
async fn the_judged_suite_says_that_it_has_no_judge() {
    let outcome = Workspace::of_rag().eval("suites/rag-judge.yaml").await;
    assert!(outcome.text.contains("not run: all 80 cases went unscored") && outcome.text.contains("OPENAI_BASE_URL"), "{}", outcome.text);
    Workspace::expect(outcome, 3);
}
