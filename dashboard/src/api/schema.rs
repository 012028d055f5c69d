//! `GET /api/v1/schema`: tables and views, with every column and what it means.

use axum::Json;
use axum::extract::State;
use schema::Table;
use serde::Serialize;

use crate::app::{App, Params, Reader};
use crate::caller::Caller;
use crate::error::Error;

/// The views for people; their columns are asked of the store, so that this cannot fall behind it.
const VIEWS: &[(&str, &str, &str)] = &[
    ("llm_calls", "One row a model call, whatever spans and records speak for it.", "select * from llm_calls limit 0"),
    ("traces", "One row a trace.", "select * from traces limit 0"),
    ("sessions", "One row a session.", "select * from sessions limit 0"),
    ("tool_calls", "One row a tool that was run.", "select * from tool_calls limit 0"),
    ("retrievals", "One row a search for documents.", "select * from retrievals limit 0"),
    ("costs", "One row a model call with its tokens and cost; a repricing wins.", "select * from costs limit 0"),
];

/// The answer.
#[derive(Serialize)]
pub(crate) struct Answer {
    relations: Vec<Relation>,
}

/// A table or view.
#[derive(Serialize)]
pub(crate) struct Relation {
    /// Name in SQL.
    pub name: String,
    /// `table` or `view`.
    pub kind: &'static str,
    /// What it holds.
    pub doc: String,
    /// Its columns in order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Serialize)]
pub(crate) struct Column {
    /// Name in SQL.
    pub name: String,
    /// Type in SQL.
    pub r#type: String,
    /// What it means; empty where only the view's definition says.
    pub doc: String,
}

/// Lists tables and views.
pub(crate) async fn schema(State(app): State<App>, Caller(tenant): Caller) -> Result<Json<Answer>, Error> {
    Ok(Json(Answer { relations: relations(&app.reader(tenant)).await? }))
}

/// Reads what SQL can name: the views first, then the tables.
pub(crate) async fn relations(reader: &Reader) -> Result<Vec<Relation>, Error> {
    let mut relations = Vec::with_capacity(VIEWS.len() + Table::ALL.len());
    for (name, doc, probe) in VIEWS {
        let fields = reader.fields(probe, Params::new()).await?;
        let columns = fields.iter().map(|field| Column {
            name: field.name().clone(),
            r#type: crate::api::sql::type_name(field.data_type()),
            doc: doc_of(field.name()),
        });
        relations.push(Relation { name: (*name).to_owned(), kind: "view", doc: (*doc).to_owned(), columns: columns.collect() });
    }
    for table in Table::ALL {
        let columns = table.columns().iter().map(|column| Column {
            name: column.name.to_owned(),
            r#type: column.kind.sql().to_owned(),
            doc: column.doc.trim().to_owned(),
        });
        relations.push(Relation { name: table.name().to_owned(), kind: "table", doc: table.doc().trim().to_owned(), columns: columns.collect() });
    }
    Ok(relations)
}

/// A view's column means what the column of `spans` with its name means.
fn doc_of(name: &str) -> String {
    let column = Table::Spans.columns().iter().find(|column| column.name == name);
    column.map(|column| column.doc.trim().to_owned()).unwrap_or_default()
}
