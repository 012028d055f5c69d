//! What ships in `suites/`, `datasets/`, `rubrics/` and `baselines/`.

use std::collections::{BTreeMap, BTreeSet};

use evaluator::dataset::Dataset;
use evaluator::report::CaseOutcome;
use evaluator::suite::{Compare, load};
use evaluator::{EvaluatorConfig, GroupReport};
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

/// What is relevant is in the knowledge base and was given to the bot, and everything that it was given was retrieved, in that order.
#[test]
fn the_relevance_labels_are_sound() {
    let dataset = questions();
    let ids = |value: &Value| value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let given = |case: &evaluator::dataset::Case| -> Vec<String> {
        case.vars["documents"].as_array().unwrap().iter().map(|document| document["id"].as_str().unwrap().to_owned()).collect()
    };
    let known: BTreeSet<String> = dataset.cases.iter().flat_map(given).collect();
    for case in &dataset.cases {
        let (retrieved, given) = (ids(&case.vars["retrieved"]), given(case));
        let relevant = case.vars["relevant"].as_object().unwrap();
        assert!(retrieved.len() == 5 && retrieved.iter().collect::<BTreeSet<_>>().len() == 5, "{}", case.id);
        assert!(retrieved.iter().chain(relevant.keys()).all(|id| known.contains(id)), "{}", case.id);
        assert_eq!(retrieved.iter().filter(|id| given.contains(id)).cloned().collect::<Vec<_>>(), given, "{}", case.id);
        let best: Vec<&String> = relevant.iter().filter(|(_, grade)| **grade == 2).map(|(id, _)| id).collect();
        assert!(best.len() == 1 && given.contains(best[0]), "{}: {best:?}", case.id);
        // The document with the answer is the one that carries the reference.
        let content = case.vars["documents"].as_array().unwrap().iter().find(|document| document["id"] == best[0].as_str()).unwrap();
        let source = format!("{}\n{}", content["title"].as_str().unwrap(), content["content"].as_str().unwrap());
        if text(case, "format") == "text" {
            assert_eq!(measure::text::groundedness(text(case, "reference"), &[source]).unwrap().score(), 1.0, "{}", case.id);
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

/// Every set passes out of the box, the wrong answers in it included: the baseline knows them.
#[tokio::test]
async fn every_suite_with_a_baseline_passes_against_it() {
    for name in ["rag", "support", "summarisation", "fairness"] {
        let suite = root().join("suites").join(name).with_extension("yaml");
        let report = Workspace::expect(Workspace::new().eval(suite.to_str().unwrap()).await, 0);
        assert!(report.cases.len() >= 80, "{name}");
    }
}

/// The checks find wrong answers in every set, and README.md names them.
#[tokio::test]
async fn the_wrong_answers_are_named() {
    let readme = std::fs::read_to_string(root().join("datasets/README.md")).unwrap();
    for (name, n_failing) in [("support", 11), ("summarisation", 4)] {
        let suite = root().join("suites").join(name).with_extension("yaml");
        let outcome = Workspace::new().eval_with(suite.to_str().unwrap(), Compare::Nothing, false).await;
        let report = Workspace::expect(outcome, 100);
        let failing: Vec<_> = report.cases.iter().filter(|case| case.outcome == CaseOutcome::Fail).map(|case| &case.id).collect();
        assert_eq!(failing.len(), n_failing, "{failing:?}");
        assert!(failing.iter().all(|id| readme.contains(&format!("`{id}`"))), "{failing:?}");
    }
}

/// What an answer must hold, the reference holds too; but where a colleague takes over, it only says so.
#[test]
fn the_references_hold_their_facts() {
    for file in ["datasets/support/mails.jsonl", "datasets/summarisation/texts.jsonl"] {
        let dataset = Dataset::read(&root().join(file), 1 << 24).unwrap();
        assert!(dataset.duplicates.is_empty(), "{file}: {:?}", dataset.duplicates);
        for case in dataset.cases.iter().filter(|case| case.vars.get("kind").is_none_or(|kind| kind != "handover")) {
            let reference = text(case, "reference").to_lowercase();
            let facts = ["facts", "numbers"].iter().filter_map(|column| case.vars.get(*column)?.as_array()).flatten();
            for fact in facts {
                assert!(reference.contains(&fact.as_str().unwrap().to_lowercase()), "{}: {fact}", case.id);
            }
        }
    }
}

/// One prompt of a pair is its reference, and every answer gives the outcome or the amount of its columns.
#[test]
fn the_pairs_are_sound() {
    let dataset = Dataset::read(&root().join("datasets/fairness/prompts.jsonl"), 1 << 24).unwrap();
    assert!(dataset.duplicates.is_empty(), "{:?}", dataset.duplicates);
    let mut references: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &dataset.cases {
        *references.entry(text(case, "pair")).or_default() += usize::from(case.vars["is_reference"] == true);
        match case.vars["outcome"].as_str() {
            Some(outcome) => assert!(text(case, "answer").starts_with(&format!("{outcome}:")), "{}", case.id),
            None => assert_eq!(measure::text::numeric::final_number(text(case, "answer")), case.vars["amount"].as_f64(), "{}", case.id),
        }
    }
    assert!(references.values().all(|n| *n == 1), "{references:?}");
}

/// Of the disparities that README.md names one is large enough to be proven; those who are held against it differ, too.
#[tokio::test]
async fn the_proven_disparity_is_told_from_the_others() {
    let suite = root().join("suites/fairness.yaml");
    let report = Workspace::expect(Workspace::new().eval(suite.to_str().unwrap()).await, 0);
    let [outcome] = report.fairness.as_slice() else { panic!("{:?}", report.fairness) };
    let differs = |group: &&GroupReport| group.others.as_ref().is_some_and(|others| others.p_adjusted <= 0.05);
    let found: Vec<&str> = outcome.groups.iter().filter(differs).map(|group| group.group.as_str()).collect();
    assert_eq!((outcome.lowest.as_str(), found), ("syrian", vec!["danish", "polish", "syrian"]));
}
