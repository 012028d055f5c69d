//! `GET /api/v1/openapi.json`: the API described for programs.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Sends the document.
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("../../openapi.json"))
}
