//! A part of a suite, more repeats than it says, and a report in several files.

use std::collections::BTreeSet;

use evaluator::suite::Compare;
use evaluator::{Archive, EvalFormat, EvalOutcome, Part, Report};
use schema::Tenant;

use crate::tables::{open, rows};
use crate::workspace::{NOW, Workspace};

const TESTS: &str = "prompts: [\"say {{word}}\"]
providers: [echo]
defaultTest: {metadata: {kind: plain}, assert: [{type: contains, value: say}]}
tests:
  - {description: greets, vars: {word: [hello, hi]}, metadata: {tags: [short, warm]}}
  - {description: leaves, vars: {word: bye}, metadata: {kind: odd}}
  - {vars: {word: nothing}}
";

fn ids(report: &Report) -> Vec<&str> {
    report.cases.iter().map(|case| case.id.as_str()).collect()
}

async fn words(part: Part) -> Vec<String> {
    let mut workspace = Workspace::new();
    workspace.part = part;
    workspace.write("suite.yaml", TESTS);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    report.cases.into_iter().map(|case| case.output.unwrap()["say ".len()..].to_owned()).collect()
}

fn metadata(key: &str, value: &str) -> Part {
    Part { metadata: vec![(key.to_owned(), value.to_owned())], ..Part::default() }
}

/// A test is one, however many cases its lists spread into.
#[tokio::test]
async fn tests_are_chosen_by_place_description_and_metadata() {
    assert_eq!(words(Part::default()).await, ["hello", "hi", "bye", "nothing"]);
    assert_eq!(words(Part { first: Some(2), ..Part::default() }).await, ["hello", "hi", "bye"]);
    assert_eq!(words(Part { range: Some(1..3), ..Part::default() }).await, ["bye", "nothing"]);
    assert_eq!(words(Part { range: Some(1..9), first: Some(1), ..Part::default() }).await, ["bye"]);
    assert_eq!(words(Part { pattern: Some("^(gr|lea)".to_owned()), ..Part::default() }).await, ["hello", "hi", "bye"]);
    assert_eq!(words(metadata("tags", "warm")).await, ["hello", "hi"]);
    assert_eq!(words(metadata("kind", "plain")).await, ["hello", "hi", "nothing"]);
    assert_eq!(words(metadata("word", "bye")).await, ["bye"]);
    assert_eq!(words(Part { repeat: Some(2), range: Some(2..3), ..Part::default() }).await, ["nothing", "nothing"]);
}

/// A case of promptfoo's has a hash for an id, which says nothing to a person: reports show what its test is about, and why it could not be judged.
#[tokio::test]
async fn cases_are_shown_with_what_they_are_about() {
    let workspace = Workspace::new();
    let assert = "assert: [{type: equals, value: x}, {type: contians, value: say}]";
    workspace.write("suite.yaml", &TESTS.replace("vars: {word: bye}", &format!("vars: {{word: bye}}, {assert}")));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    let id = report.cases.iter().find(|case| case.description.as_deref() == Some("leaves")).unwrap().id.clone();
    for (format, shown) in [
        (EvalFormat::Text, format!("error {id} (leaves): contians: unknown assertion type")),
        (EvalFormat::Junit, format!("name=\"{id} (leaves) #0\"")),
        (EvalFormat::Markdown, format!("- `{id} (leaves)` contians: unknown assertion type")),
        (EvalFormat::Html, format!("{id} (leaves)")),
    ] {
        let text = workspace.eval_as("suite.yaml", Compare::Suite, format).await;
        assert!(text.contains(&shown), "{format:?}: {text}");
    }
}

/// What is left out is neither gone nor new, and the run is no baseline for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_held_against_its_part_of_the_baseline() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut workspace = Workspace::of_rag();
    workspace.part.pattern = Some("^billing-".to_owned());
    let outcome = workspace.eval_over("suites/rag.yaml", Archive::Tables(&store, &Tenant::default()), NOW).await;
    assert!(outcome.text.contains("left out by --filter-pattern ^billing-"), "{}", outcome.text);
    let report = outcome.report.unwrap();
    let n = report.cases.len();
    assert!(n > 5 && n < 30 && report.cases.iter().all(|case| case.id.starts_with("billing-")), "{n}");
    assert_eq!((report.changes.removed.len(), report.changes.new.len()), (0, 0), "{:?}", report.verdict);
    assert!(report.metrics.iter().all(|metric| metric.n_removed == 0 && metric.difference.unwrap_or(0.0) == 0.0), "{:?}", report.metrics);
    let kept: Vec<(i64,)> = rows(&store, "select count(*) from runs").await;
    assert_eq!(kept, [(0,)]);
    let record = serde_json::json!({"report": report}).to_string();
    let refused = Archive::Tables(&store, &Tenant::default()).keep(&serde_json::from_str(&record).unwrap(), NOW).await.unwrap_err();
    assert!(refused.to_string().contains("a part of its suite"), "{refused}");
    // A case that is really gone is still missed.
    workspace.edit_rows("datasets/rag/questions.jsonl", |_, row| (row["id"] != "billing-01").then_some(row));
    assert_eq!(workspace.eval("suites/rag.yaml").await.report.unwrap().changes.removed, ["billing-01"]);
}

#[tokio::test]
async fn what_failed_is_run_again_alone() {
    let mut workspace = Workspace::of_rag();
    let all = workspace.eval("suites/rag.yaml").await.report.unwrap();
    let failing = all.failing();
    assert!(!failing.is_empty() && failing.len() < 20, "{failing:?}");
    workspace.part.ids = Some(failing.clone());
    let again = workspace.eval("suites/rag.yaml").await.report.unwrap();
    assert_eq!(ids(&again).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), failing);
}

#[track_caller]
fn refused(outcome: &EvalOutcome, expect: &str) {
    assert!(outcome.exit_code == 2 && outcome.text.contains(expect), "{}", outcome.text);
}

#[tokio::test]
async fn filters_that_leave_nothing_are_mistakes() {
    let mut workspace = Workspace::of_rag();
    let mut check = async |part: Part, expect: &str| {
        workspace.part = part;
        refused(&workspace.eval("suites/rag.yaml").await, expect);
    };
    check(Part { pattern: Some("nothing".to_owned()), ..Part::default() }, "no case is left by --filter-pattern nothing; there are 80").await;
    check(Part { pattern: Some("(".to_owned()), ..Part::default() }, "no regular expression").await;
    check(metadata("topick", "x"), "unknown key \"topick\"; did you mean \"topic\"?").await;
    check(Part { ids: Some(BTreeSet::new()), ..Part::default() }, "no case is left by --filter-failing").await;
    check(Part { repeat: Some(0), ..Part::default() }, "repeat is a number from 1").await;
    workspace.part = Part { first: Some(3), ..Part::default() };
    refused(&workspace.update_baseline("suites/rag.yaml").await, "a part of a suite is no baseline");
}

/// One run gives every report that CI wants; each file has the form of its ending, and the terminal what no file has.
#[tokio::test]
async fn a_report_goes_into_several_files() {
    let mut workspace = Workspace::of_rag();
    let files = ["a.json", "a.xml", "a.md", "a.html", "a.txt"];
    workspace.outputs = files.iter().map(|file| workspace.path(file)).collect();
    let outcome = workspace.eval("suites/rag.yaml").await;
    assert!(outcome.text.contains("PASS  no regression found"), "{}", outcome.text);
    Workspace::expect(outcome, 0);
    serde_json::from_str::<Report>(&workspace.read("a.json")).unwrap();
    for (file, begins) in [("a.xml", "<?xml"), ("a.md", "### "), ("a.html", "<!DOCTYPE html>")] {
        assert!(workspace.read(file).starts_with(begins), "{file}");
    }
    assert!(workspace.read("a.txt").contains("PASS  no regression found"));
    // A file that cannot be written costs neither the others nor the verdict.
    workspace.outputs = vec![workspace.path("nowhere/a.xml"), workspace.path("b.json")];
    let outcome = workspace.eval("suites/rag.yaml").await;
    assert!(outcome.exit_code == 3 && outcome.text.contains("PASS") && outcome.text.contains("nowhere/a.xml"), "{}", outcome.text);
    serde_json::from_str::<Report>(&workspace.read("b.json")).unwrap();
    workspace.outputs = vec![workspace.path("c.json")];
    Workspace::expect(workspace.update_baseline("suites/rag.yaml").await, 0);
    assert_eq!(workspace.read("c.json"), workspace.read("baselines/rag.json"));
}
