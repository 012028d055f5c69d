//! Cases and answers out of the tables: production spans by a SELECT, baselines by run and branch, a judge's anchors.

use evaluator::{Archive, EvalOutcome, Report, validate};
use schema::{Micros, Tenant};
use store::Store;

use crate::endpoint::{Endpoint, Reply};
use crate::tables::{open, rows, trace_id, with_answers};
use crate::workspace::{NOW, Workspace};

const SPANS: &str = "dataset: {sql: \"select trace_id, span_id, input_text as question, output_text, duration_ns, finish_reason \
                     from llm_calls order by trace_id\"}\n";

async fn eval(workspace: &Workspace, store: &Store) -> EvalOutcome {
    workspace.eval_over("suite.yaml", Archive::Tables(store, &Tenant::default()), NOW).await
}

#[track_caller]
fn refused(outcome: &EvalOutcome, expect: &str) {
    assert_eq!(outcome.exit_code, 2, "{}", outcome.text);
    assert!(outcome.text.contains(expect), "{}", outcome.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn production_spans_are_cases_that_open_as_traces() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = with_answers(dir.path(), &["yes it is", "no"]).await;
    let checks = "[{check: contains, value: \"yes\", metric: yes}, {check: latency, threshold: 10, metric: fast}]";
    workspace.write("suite.yaml", &format!("{SPANS}providers: [\"dataset:output_text\"]\nchecks: {checks}\n"));
    let report = Workspace::expect(eval(&workspace, &store).await, 100);
    let told = |report: &Report| report.cases.iter().map(|case| (case.trace_id.clone(), case.latency_ms, case.scores[0].passed)).collect::<Vec<_>>();
    assert_eq!(told(&report), [(Some(trace_id(1)), Some(2.5), Some(true)), (Some(trace_id(2)), Some(2.5), Some(false))]);
    assert_eq!(report.cases[0].id, format!("{}-0101010101010101", trace_id(1)));
    let kept: Vec<(String, String)> = rows(&store, "select trace_id, output from results order by trace_id").await;
    assert_eq!(kept, [(trace_id(1), "yes it is".to_owned()), (trace_id(2), "no".to_owned())]);
    // Whoever reads the verdict can go on to the trace.
    let scores: Vec<(i64,)> = rows(&store, "select count(*) from scores join spans using (trace_id) where evaluator = 'yes'").await;
    assert_eq!(scores, [(2,)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_selected_case_by_case() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = with_answers(dir.path(), &["yes it is"]).await;
    workspace.write("data.jsonl", "{\"id\": \"a\", \"question\": \"question 1\"}\n{\"id\": \"b\", \"question\": \"it's 'another'\"}\n");
    let select = "select output_text, trace_id, duration_ns from llm_calls where input_text = $question";
    for provider in [format!("{{sql: \"{select}\"}}"), format!("\"sql:{select}\""), format!("{{id: sql, config: {{select: \"{select}\"}}}}")] {
        let check = "{check: contains, value: \"yes\", metric: yes}";
        workspace.write("suite.yaml", &format!("dataset: data.jsonl\nproviders: [{provider}]\nchecks: [{check}]\n"));
        let outcome = eval(&workspace, &store).await;
        let report = outcome.report.unwrap_or_else(|| panic!("{provider}: {}", outcome.text));
        assert_eq!((report.cases[0].trace_id.clone(), report.cases[0].latency_ms), (Some(trace_id(1)), Some(2.5)), "{provider}");
        assert_eq!(report.cases[1].error.as_deref(), Some("the SELECT finds no row for this case"));
        assert_eq!(report.verdict.exit_code, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_selected_is_a_mistake_in_the_suite() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = with_answers(dir.path(), &["yes"]).await;
    let rest = "providers: [\"dataset:output_text\"]\nchecks: [{check: contains, value: \"yes\"}]\n";
    workspace.write("suite.yaml", &format!("{SPANS}{rest}"));
    refused(&workspace.eval("suite.yaml").await, "--push");
    // A suite is looked at without asking anybody, and what nobody knows yet is no mistake.
    let found = validate::validate(&workspace.path("suite.yaml"), &workspace.config, &|_| None).unwrap();
    assert!(found.is_empty(), "{found:?}");
    for (dataset, expect) in [
        ("{sql: \"select * from spnas\"}", "did you mean \"spans\"?"),
        ("{sql: \"select name from spans\"}", "no column `id`"),
        ("{sql: \"select trace_id from spans where name = 'nothing'\"}", "finds no row"),
        ("{sql: \"select trace_id, output_text from spans\", columns: {output: text}}", "unknown column \"output\""),
        ("{file: data.jsonl, sql: \"select 1\"}", "one of the two"),
    ] {
        workspace.write("suite.yaml", &format!("dataset: {dataset}\n{rest}"));
        refused(&eval(&workspace, &store).await, expect);
    }
    workspace.write("data.jsonl", "{\"id\": \"a\"}\n");
    workspace.write("suite.yaml", "dataset: data.jsonl\nproviders: [{sql: \"select 'x' as output\"}]\nchecks: [{check: contains, value: \"x\"}]\n");
    refused(&workspace.eval("suite.yaml").await, "--data");
    workspace.edit("suite.yaml", "'x' as output", "$nothing as output");
    refused(&eval(&workspace, &store).await, "unknown column \"nothing\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_baselines_by_id_and_by_branch() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = open(dir.path()).await;
    workspace
        .write("data.jsonl", &(0..30).map(|n| format!("{{\"id\": \"{n}\", \"answer\": \"a{n}\", \"reference\": \"a{n}\"}}\n")).collect::<String>());
    let suite = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: exact, reference: reference, metric: right}]\n";
    workspace.write("suite.yaml", suite);
    let first = Workspace::expect(eval(&workspace, &store).await, 0);
    let later = Micros(NOW.0 + 60_000_000);
    workspace.write("suite.yaml", &format!("{suite}baseline: {{run: {}}}\n", first.run.id));
    let outcome = workspace.eval_over("suite.yaml", Archive::Tables(&store, &Tenant::default()), later).await;
    assert_eq!(outcome.report.unwrap().run.baseline.unwrap().run, first.run.id);
    let runs: Vec<(String, i64)> = rows(&store, "select id, cast(time as bigint) as us from runs order by us").await;
    assert_eq!((runs.len(), &runs[0].0, runs[0].1), (2, &first.run.id, NOW.0));
    workspace.write("suite.yaml", &format!("{suite}baseline: {{run: nothing}}\n"));
    refused(&eval(&workspace, &store).await, "no run \"nothing\"");
}

/// Monitors tell a judge that moved from an app that moved by the verdicts on answers that never change.
#[tokio::test(flavor = "multi_thread")]
async fn verdicts_on_anchors_are_kept_apart() {
    let (dir, mut workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = open(dir.path()).await;
    let endpoint = Endpoint::start(|_, _| Reply::Content("{\"verdict\": \"relevant\", \"reason\": \"x\"}".to_owned())).await;
    workspace.env.push(("OPENAI_BASE_URL", endpoint.url.clone()));
    workspace.write("data.jsonl", "{\"id\": \"a\", \"question\": \"q\", \"answer\": \"x\"}\n");
    workspace.write("anchors.jsonl", "{\"id\": \"k1\", \"question\": \"q\", \"answer\": \"y\", \"label\": 1}\n{\"id\": \"k2\", \"answer\": \"z\"}\n");
    workspace.write("rubric.txt", &std::fs::read_to_string(crate::workspace::root().join("rubrics/relevancy.txt")).unwrap());
    let check = "{check: judge, rubric: rubric.txt, model: \"openai:chat:m\", metric: relevant, anchors: anchors.jsonl}";
    workspace.write("suite.yaml", &format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check}]\n"));
    let report = eval(&workspace, &store).await.report.unwrap();
    let sql = "select evaluator, evaluator_version, judge_model, source, outcome, value, metadata from scores where strpos(metadata, '\"anchor_set\"') > 0 order by metadata";
    let kept: Vec<serde_json::Value> = rows(&store, sql).await;
    let row = |anchor: &str| {
        let metadata = serde_json::json!({"anchor_set": true, "anchor": anchor}).to_string();
        serde_json::json!({
            "evaluator": "relevant", "evaluator_version": report.judges[0].hash, "judge_model": "openai:chat:m", "source": "judge",
            "outcome": "value", "value": 1.0, "metadata": metadata,
        })
    };
    assert_eq!(kept, [row("k1"), row("k2")]);
    let ids: Vec<(i64, i64)> = rows(&store, "select count(*), count(distinct id) from scores").await;
    assert_eq!(ids, [(3, 3)]);
}
