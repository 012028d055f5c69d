//! A run in the tables.

use evaluator::git::Git;
use evaluator::suite::{Compare, load};
use evaluator::{Archive, Control, EvaluatorConfig, Options, run_suite};
use schema::Tenant;
use serde::Deserialize;

use crate::endpoint::{Endpoint, Reply};
use crate::tables;
use crate::workspace::{NOW, Workspace};

#[derive(Debug, PartialEq, Deserialize)]
struct Kept {
    outcome: String,
    git_branch: String,
    n_results: i64,
    n_scores: i64,
    n_judged: i64,
    n_calls: i64,
    input_tokens: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_kept_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = tables::open(dir.path()).await;
    let endpoint = Endpoint::start(|_, _| Reply::Content("{\"verdict\": \"relevant\", \"reason\": \"x\"}".to_owned())).await;
    let workspace = Workspace::of_rag();
    let (env, tenant) = (|name: &str| (name == "OPENAI_BASE_URL").then(|| endpoint.url.clone()), Tenant::default());
    let git = Git { commit: Some("abc".to_owned()), branch: Some("main".to_owned()) };
    let options = Options {
        config: EvaluatorConfig::default(),
        env: &env,
        compare: Compare::Suite,
        git,
        archive: Archive::Tables(&store, &tenant),
        control: Control::default(),
    };
    let suite = load(&workspace.path("suites/rag-judge.yaml"), &Compare::Suite, &options.config, &env).unwrap();
    let record = run_suite(&suite, &options, NOW).await.unwrap();
    assert_eq!(record.report.verdict.exit_code, 0, "{:?}", record.report.verdict);
    // A later answer to the same question changes nothing: a run is kept once.
    assert!(options.archive.keep(&record, NOW).await.unwrap().kept);
    assert!(!options.archive.keep(&record, NOW).await.unwrap().kept);
    let sql = "select r.outcome, r.git_branch,
        (select count(*) from results where run_id = r.id) as n_results,
        (select count(*) from scores where run_id = r.id) as n_scores,
        (select count(*) from scores where run_id = r.id and source = 'judge' and outcome = 'value') as n_judged,
        (select count(*) from spend where run_id = r.id) as n_calls,
        (select sum(input_tokens) from spend where run_id = r.id and purpose = 'relevant') as input_tokens
        from runs r";
    let kept: Vec<Kept> = store.query(&tenant, sql, &store.query_options()).await.unwrap().rows().unwrap();
    let expected = Kept {
        outcome: "PASS".to_owned(),
        git_branch: "main".to_owned(),
        n_results: 80,
        n_scores: 80,
        n_judged: 80,
        n_calls: 80,
        input_tokens: 80 * 120,
    };
    assert_eq!(kept, [expected]);
}
