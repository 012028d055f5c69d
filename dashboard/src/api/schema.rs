//! `GET /api/v1/schema`: tables, views and functions, with every column and what it means.

use axum::Json;
use serde::Serialize;
use store::{Described, describe};

use crate::caller::Caller;

/// The answer.
#[derive(Serialize)]
pub(crate) struct Answer {
    relations: Vec<Described>,
}

/// Lists what SQL can name.
pub(crate) async fn schema(_: Caller) -> Json<Answer> {
    Json(Answer { relations: describe() })
}
