//! `GET /api/v1/status`: how the store stands.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::caller::Caller;

/// The answer.
#[derive(Serialize)]
pub(crate) struct Answer {
    version: &'static str,
    tenant: String,
    now_us: i64,
    store: store::Status,
}

/// Tells version, tenant and the state of the store: the caller's tables, and figures of the whole process.
pub(crate) async fn status(State(app): State<App>, Caller(tenant): Caller) -> Json<Answer> {
    let store = app.store.status().for_tenant(&tenant);
    Json(Answer { version: env!("CARGO_PKG_VERSION"), tenant: tenant.as_str().to_owned(), now_us: app.now().0, store })
}
