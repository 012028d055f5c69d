//! Wrong input: each mistake is exit code 2 and a sentence that says where it is and what to do.

use crate::workspace::Workspace;

/// One change to the shipped suite, and what must be said about it.
#[track_caller]
fn check(from: &str, to: &str, expect: &str) {
    let workspace = Workspace::of_rag();
    workspace.edit("suites/rag.yaml", from, to);
    said(&workspace, expect);
}

#[track_caller]
fn said(workspace: &Workspace, expect: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(workspace.eval("suites/rag.yaml"));
    assert_eq!(outcome.exit_code, 2, "{}", outcome.text);
    assert!(outcome.text.contains(expect), "{}", outcome.text);
    assert!(outcome.text.contains("rag.yaml"), "{}", outcome.text);
}

#[test]
fn wrong_keys_name_the_nearest_right_one() {
    check("dataset:", "datset:", "unknown key \"datset\"; did you mean \"dataset\"? at line 4 column 1");
    check("slices:", "slice:", "did you mean \"slices\"?");
    check("metric: form", "metrik: form", "checks[3]: unknown key \"metrik\"; did you mean \"metric\"?");
    check("margin: 0.10", "margn: 0.10", "did you mean \"margin\"?");
    check("critical: true", "critcal: true", "did you mean \"critical\"?");
    check("{file: baselines", "{fil: baselines", "did you mean \"file\"?");
    check("check: token_f1", "check: tokenf1", "checks[5]: unknown check \"tokenf1\"; did you mean \"token_f1\"?");
    check("f1: {}", "f2: {}", "gate.metrics: unknown metric \"f2\"; did you mean \"f1\"?");
    check("cluster: topic", "cluster: topics", "cluster: unknown column \"topics\"; did you mean \"topic\"?");
    check("sources: documents", "sources: document", "checks[6]: unknown column \"document\"; did you mean \"documents\"?");
    check("{{must_contain}}", "{{must_contains}}", "unknown column \"must_contains\"; did you mean \"must_contain\"?");
    check("dataset:answer", "datasets:answer", "unknown provider \"datasets\"");
    check("dataset:answer", "dataset:answers", "unknown column \"answers\"; did you mean \"answer\"?");
}

#[test]
fn what_cannot_be_is_refused() {
    for (kind, more) in [("pii", ""), ("secrets", ""), ("canary", ", value: kestrel")] {
        let negated = format!("check: not-{kind}{more}");
        check("check: token_f1, reference: reference", &negated, &format!("{kind} passes where nothing is found; write it without `not-`"));
    }
    check("gate:", "gate: [", "rag.yaml");
    check("margin: 0.10", "margin: lots", "margin is a number above 0 or a share such as 10%");
    check("value: '\\[kb-\\d+\\]'", "sources: documents", "a value is missing");
    check("check: contains, value", "check: groundedness, value", "groundedness needs `sources`");
    check("check: token_f1, reference: reference", "check: token_f1, reference: reference, value: x", "key \"value\" means nothing to token_f1");
    check("f1: {}", "f1: {critical: true}", "is critical, but its checks neither pass nor fail");
    check("schema: suites/schemas/answer.json", "schema: suites/schemas/question.json", "there is no file");
    check("schema: suites/schemas/answer.json", "schema: {type: nonsense}", "not a JSON schema");
    check("baseline: {file: baselines/rag.json}", "baseline: {branch: main, last: 3}", "baseline: a run or a branch is read from the tables");
    check("baseline: {file: baselines/rag.json}", "baseline: {file: baselines/rug.json}", "--update-baseline");
    check("providers: [\"dataset:answer\"]", "providers: []", "providers is empty");
    check("providers: [\"dataset:answer\"]", "providers: [echo]", "needs `prompts`");
    check("cluster: topic", "repeat: 0\ncluster: topic", "repeat is a number from 1 to 100");
    check("gate:\n", "gate:\n  slices: [topic]\n", "\"topic\" is not among slices");
    check("gate:\n", "gate:\n  q: 5\n", "gate.q is a share");
    check("gate:\n", "budget: {usd: 2}\ngate:\n", "dollars are only known where");
    check("metric: f1,", "metric: grounded, better: lower,", "joins checks that cannot be averaged");
    check("check: token_f1, reference: reference", "check: is-sql, reference: reference", "key \"reference\" means nothing to is-sql");
    check("check: token_f1, reference: reference", "check: meteor, value: x", "meteor needs WordNet's data");
    check("check: token_f1, reference: reference", "check: llm-rubric", "write `check: judge`, or `defaultTest: {assert:");
    check("check: token_f1, reference: reference", "check: word-count, value: \"{{n}}\"", "unknown column \"n\"");
    check("check: token_f1, reference: reference", "check: tokens, max: 5, threshold: 5", "write `max` or `threshold`, not both");
}

#[test]
fn broken_files_are_named() {
    let broken = |file: &str, text: &str, expect: &str| {
        let workspace = Workspace::of_rag();
        workspace.write(file, text);
        said(&workspace, expect);
    };
    broken("datasets/rag/questions.jsonl", "", "holds no case");
    broken("datasets/rag/questions.jsonl", "{\"id\": 1}\nnot json\n", "questions.jsonl:2: this is not JSON");
    broken("baselines/rag.json", "{", "baseline ");
    broken("baselines/rag.json", "{\"schema\": \"karat.report/9\"}", "baseline ");
    broken("suites/rag.yaml", "", "there is no case: add `dataset`");
}

#[tokio::test]
async fn a_suite_that_is_not_there_is_named() {
    let outcome = Workspace::new().eval("suites/none.yaml").await;
    assert_eq!(outcome.exit_code, 2);
    assert!(outcome.text.contains("cannot read") && outcome.text.contains("none.yaml"), "{}", outcome.text);
}

/// 2 GB of nothing are refused by their size, and never read: as a dataset, and as promptfoo's tests and variables.
#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let workspace = Workspace::of_rag();
    for name in ["huge.jsonl", "huge.csv", "huge.parquet", "huge.txt"] {
        std::fs::File::create(workspace.path(name)).unwrap().set_len(2 << 30).unwrap();
    }
    let head = "prompts: [\"{{t}}\"]\nproviders: [echo]\n";
    let begun = std::time::Instant::now();
    for suite in [
        "dataset: huge.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: refusal}]\n".to_owned(),
        "dataset: huge.csv\nproviders: [\"dataset:answer\"]\nchecks: [{check: refusal}]\n".to_owned(),
        "dataset: huge.parquet\nproviders: [\"dataset:answer\"]\nchecks: [{check: refusal}]\n".to_owned(),
        format!("{head}tests: huge.csv\n"),
        format!("{head}tests: [{{vars: {{t: file://huge.txt}}, assert: [{{type: equals, value: x}}]}}]\n"),
        "prompts: file://huge.txt\nproviders: [echo]\ntests: [{assert: [{type: equals, value: x}]}]\n".to_owned(),
    ] {
        workspace.write("suite.yaml", &suite);
        let outcome = workspace.eval("suite.yaml").await;
        assert!(outcome.exit_code == 2 && outcome.text.contains("more than dataset_bytes_max"), "{suite}{}", outcome.text);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
