//! Cases and answers out of the tables: production spans by a SELECT, baselines by run and branch, a judge's anchors.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evaluator::suite::{Compare, load_to_compare};
use evaluator::{Archive, Control, EvalOutcome, Options, Report, aa, compare, find_run, validate};
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

/// A suite is the same by whatever spelling of its path, and its branch's runs are its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_has_one_baseline_however_the_suite_is_named() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = open(dir.path()).await;
    workspace.write(".git/HEAD", "ref: refs/heads/main\n");
    workspace.write("suites/deep/other", "");
    workspace.write(
        "suites/data.jsonl",
        &(0..30).map(|n| format!("{{\"id\": \"{n}\", \"answer\": \"a{n}\", \"reference\": \"a{n}\"}}\n")).collect::<String>(),
    );
    let suite = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check: exact, reference: reference, metric: right}]\n";
    workspace.write("suites/s.yaml", suite);
    let tenant = Tenant::default();
    let archive = || Archive::Tables(&store, &tenant);
    let first = Workspace::expect(workspace.eval_over("suites/./s.yaml", archive(), NOW).await, 0);
    assert_eq!((first.run.suite.as_str(), first.run.git_branch.as_deref()), ("suites/s.yaml", Some("main")));
    workspace.write("suites/s.yaml", &format!("{suite}baseline: {{branch: main}}\n"));
    for (minute, path) in ["suites/s.yaml", "./suites/s.yaml", "suites/deep/../s.yaml"].into_iter().enumerate() {
        let later = Micros(NOW.0 + 60_000_000 * (1 + i64::try_from(minute).unwrap()));
        let report = Workspace::expect(workspace.eval_over(path, archive(), later).await, 0);
        assert_eq!(report.metrics[0].n, 30, "{path}");
    }
    // A run is found by its id, with its metrics, and compares as its report does.
    let (_, found) = find_run(archive(), &first.run.id, &workspace.config).await.unwrap();
    assert_eq!((found.metrics.clone(), found.run.suite.clone()), (first.metrics.clone(), first.run.suite.clone()));
    let ended = |candidate: Report| compare::compare((Path::new("a"), found.clone()), candidate, None, NOW).unwrap().verdict;
    assert_eq!(ended(found.clone()), ended(first));
    let missing = find_run(archive(), "nothing", &workspace.config).await.unwrap_err();
    assert!(missing.to_string().contains("no run \"nothing\"") && missing.to_string().contains("select id"), "{missing}");
    assert!(find_run(Archive::Nowhere, "nothing", &workspace.config).await.unwrap_err().to_string().contains("--data"));
}

/// Cases and answers out of the tables are compared with themselves, and with a run before, as those of a file are.
#[tokio::test(flavor = "multi_thread")]
async fn selected_suites_are_compared_too() {
    let (dir, workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = with_answers(dir.path(), &["yes it is", "yes", "no", "yes"]).await;
    let rest = "cluster: question\nproviders: [{sql: \"select output_text from llm_calls where input_text = $question\"}]\n\
                checks: [{check: contains, value: \"yes\", metric: yes}]\n";
    workspace.write("suite.yaml", &format!("{SPANS}{rest}"));
    let tenant = Tenant::default();
    let archive = || Archive::Tables(&store, &tenant);
    let options = Options {
        config: workspace.config.clone(),
        env: &|_| None,
        compare: Compare::Nothing,
        git: evaluator::git::Git::default(),
        archive: archive(),
        control: Control::default(),
    };
    let told = aa::aa(&workspace.path("suite.yaml"), 2, &options, NOW).await.unwrap();
    assert_eq!((told.n_pairs, told.n_alarms, told.metrics.len(), told.is_deterministic), (2, 0, 1, true));
    let kept: Vec<(i64,)> = rows(&store, "select count(*) from runs").await;
    assert_eq!(kept, [(0,)], "a suite against itself is kept nowhere");
    let run = eval(&workspace, &store).await.report.unwrap();
    let suite = load_to_compare(archive(), &workspace.path("suite.yaml"), &workspace.config, &|_| None).await.unwrap();
    let report = compare::compare((Path::new("before"), run.clone()), run.clone(), Some(suite), NOW).unwrap();
    assert_eq!((report.metrics[0].n, report.metrics[0].n_clusters), (4, Some(4)), "{:?}", report.verdict);
    let nowhere = load_to_compare(Archive::Nowhere, &workspace.path("suite.yaml"), &workspace.config, &|_| None).await.unwrap_err();
    assert!(nowhere.to_string().contains("--data"), "{nowhere}");
}

/// A judge that is another one, and one that moved on its anchors, are told where the baseline is a branch, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_moved_since_the_branchs_runs_is_told() {
    let (dir, mut workspace) = (tempfile::tempdir().unwrap(), Workspace::new());
    let store = open(dir.path()).await;
    let strict = Arc::new(AtomicBool::new(false));
    let is_strict = Arc::clone(&strict);
    let endpoint = Endpoint::start(move |_, _| {
        let verdict = if is_strict.load(Ordering::Relaxed) { "irrelevant" } else { "relevant" };
        Reply::Content(format!("{{\"verdict\": \"{verdict}\", \"reason\": \"x\"}}"))
    })
    .await;
    workspace.env.push(("OPENAI_BASE_URL", endpoint.url.clone()));
    workspace.config.calls.cache_bytes_max = 0;
    workspace.write(".git/HEAD", "ref: refs/heads/main\n");
    workspace.write("rubric.txt", &std::fs::read_to_string(crate::workspace::root().join("rubrics/relevancy.txt")).unwrap());
    let line = |name: &str, n: usize| format!("{{\"id\": \"{name}{n}\", \"question\": \"q{n}\", \"answer\": \"x{n}\"}}\n");
    workspace.write("data.jsonl", &(0..20).map(|n| line("c", n)).collect::<String>());
    workspace.write("anchors.jsonl", &(0..20).map(|n| line("k", n)).collect::<String>());
    let suite = "dataset: data.jsonl\nproviders: [\"dataset:answer\"]\n\
                 checks: [{check: judge, rubric: rubric.txt, model: \"openai:chat:m\", metric: relevant, anchors: anchors.jsonl}]\n";
    workspace.write("suite.yaml", suite);
    let run = async |workspace: &Workspace, minute: i64| {
        workspace.eval_over("suite.yaml", Archive::Tables(&store, &Tenant::default()), Micros(NOW.0 + 60_000_000 * minute)).await
    };
    for minute in 0..2 {
        Workspace::expect(run(&workspace, minute).await, 0);
    }
    workspace.write("suite.yaml", &format!("{suite}baseline: {{branch: main, last: 2}}\n"));
    let same = Workspace::expect(run(&workspace, 2).await, 0);
    let told = |report: &Report, what: &str| report.judges[0].warnings.iter().any(|warning| warning.contains(what));
    assert!(!told(&same, "moved") && !told(&same, "another one"), "{:?}", same.judges[0].warnings);
    assert_eq!(same.judges[0].moved.map(|moved| (moved.by, moved.n)), Some((0.0, 20)));
    strict.store(true, Ordering::Relaxed);
    let moved = Workspace::expect(run(&workspace, 3).await, 100);
    assert!(told(&moved, "the judge moved: on the same 20 anchors by -1.000") && !told(&moved, "another one"), "{:?}", moved.judges[0].warnings);
    strict.store(false, Ordering::Relaxed);
    workspace.edit("suite.yaml", "openai:chat:m\"", "openai:chat:other\"");
    let other = run(&workspace, 4).await;
    assert!(other.text.contains("the judge is another one than the baseline's"), "{}", other.text);
    // By their ids they are told apart, too.
    let tenant = Tenant::default();
    let found = async |id: &str| find_run(Archive::Tables(&store, &tenant), id, &workspace.config).await.unwrap().1;
    let (first, last) = (found(&same.run.id).await, found(&moved.run.id).await);
    let report = compare::compare((Path::new("first"), first), last, None, NOW).unwrap();
    assert!(report.verdict.exit_code == 100 && told(&report, "the judge moved") && report.judges[0].n_judged == 20, "{:?}", report.judges);
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
