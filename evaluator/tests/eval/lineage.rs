//! A run in the tables.

use std::sync::Arc;

use evaluator::git::Git;
use evaluator::suite::{Compare, load};
use evaluator::{Control, EvaluatorConfig, Options, run_suite};
use schema::Tenant;
use serde::Deserialize;
use store::{Decode, DecodeError, Record, Rows, Store, StoreConfig};

use crate::endpoint::{Endpoint, Reply};
use crate::workspace::{NOW, Workspace};

struct NoBytes;

impl Decode for NoBytes {
    fn decode(&self, record: &Record<'_>) -> Result<Rows, DecodeError> {
        Err(format!("nothing was sent, and yet record {} came", record.seq).into())
    }
}

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
    let config = StoreConfig { data: dir.path().to_owned(), ..StoreConfig::default() };
    let store = Store::open(config, Arc::new(NoBytes), Arc::new(|| NOW)).await.unwrap();
    let endpoint = Endpoint::start(|_, _| Reply::Content("{\"verdict\": \"relevant\", \"reason\": \"x\"}".to_owned())).await;
    let workspace = Workspace::of_rag();
    let (env, tenant) = (|name: &str| (name == "OPENAI_BASE_URL").then(|| endpoint.url.clone()), Tenant::default());
    let git = Git { commit: Some("abc".to_owned()), branch: Some("main".to_owned()) };
    let options = Options {
        config: EvaluatorConfig::default(),
        env: &env,
        compare: Compare::Suite,
        git,
        store: Some((&store, &tenant)),
        control: Control::default(),
    };
    let suite = load(&workspace.path("suites/rag-judge.yaml"), &Compare::Suite, &options.config, &env).unwrap();
    let report = run_suite(&suite, &options, NOW).await.unwrap();
    assert_eq!(report.verdict.exit_code, 0, "{:?}", report.verdict);
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
