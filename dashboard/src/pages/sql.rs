//! The SQL page: a query, a button, a table. `assets/sql.js` does the rest over the API.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use store::{Described, DescribedKind, describe};

use super::{Frame, PageError, show};
use crate::app::App;
use crate::caller::Visitor;
use crate::url::Asked;

/// A query worth trying.
struct Example {
    name: &'static str,
    sql: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example { name: "Cost by model and day", sql: include_str!("../../queries/examples/cost_by_model.sql") },
    Example { name: "Slowest traces", sql: include_str!("../../queries/examples/slowest_traces.sql") },
    Example { name: "Errors by type", sql: include_str!("../../queries/examples/errors_by_type.sql") },
    Example { name: "Scores by prompt version", sql: include_str!("../../queries/examples/scores_by_prompt.sql") },
    Example { name: "Tools that fail", sql: include_str!("../../queries/examples/tools_that_fail.sql") },
    Example { name: "Has latency drifted?", sql: include_str!("../../queries/examples/latency_drift.sql") },
];

#[derive(Template)]
#[template(path = "sql.html")]
struct SqlPage<'a> {
    frame: Frame,
    sql: &'a str,
    examples: &'a [Example],
    relations: Vec<Described>,
    functions: Vec<Described>,
    rows_max: String,
}

/// The page's parameters.
#[derive(Deserialize)]
pub(crate) struct Prefill {
    q: Option<String>,
}

/// Shows the page; a query in the URL is filled in, never run by itself.
pub(crate) async fn page(State(app): State<App>, Visitor(tenant): Visitor, Asked(prefill): Asked<Prefill>) -> Result<Response, PageError> {
    let (functions, mut relations): (Vec<_>, Vec<_>) = describe().into_iter().partition(|one| one.kind == DescribedKind::Function);
    relations.sort_by_key(|one| one.kind != DescribedKind::View);
    let sql = prefill.q.as_deref().unwrap_or(EXAMPLES[0].sql).trim();
    let rows_max = crate::format::count(i64::try_from(app.config.sql_rows).unwrap_or(i64::MAX));
    Ok(show(&SqlPage { frame: Frame::new(&app, &tenant, "sql", "SQL"), sql, examples: EXAMPLES, relations, functions, rows_max })?)
}
