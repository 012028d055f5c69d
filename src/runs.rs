//! `POST /api/v1/runs`: runs of suites that were made elsewhere, into the tables of the caller's tenant.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use dashboard::Error;
use evaluator::{Archive, ErrorKind, Kept, RunRecord};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use schema::{Clock, Keys};
use store::Store;
use tokio::sync::Mutex;

const HINT: &str = "send {\"report\": <karat.report/1>, \"calls\"?: [...]} as application/json, as `karat eval --push` and `karat eval push` do";

/// What the route needs.
#[derive(Clone)]
struct Runs {
    store: Store,
    keys: Arc<Keys>,
    clock: Clock,
    bytes_max: usize,
    /// One run is read and written at a time: a large one takes memory, and the same one sent twice at once is written once.
    writing: Arc<Mutex<()>>,
}

/// The route; it takes runs of so many bytes.
pub fn router(store: Store, keys: Arc<Keys>, clock: Clock, bytes_max: usize) -> Router {
    let runs = Runs { store, keys, clock, bytes_max, writing: Arc::default() };
    Router::new().route("/api/v1/runs", post(keep)).layer(DefaultBodyLimit::max(bytes_max)).with_state(runs)
}

/// Keeps a run, unless it is there already.
async fn keep(State(runs): State<Runs>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Json<Kept>, Error> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let tenant = runs.keys.tenant_of(text(AUTHORIZATION))?;
    // A form of another site can send text or form data, but not this.
    let kind = text(CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(wrong(format!("content type {kind:?} is not application/json")));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        http::StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { limit: runs.bytes_max },
        _ => wrong(rejection.body_text()),
    })?;
    let _writing = runs.writing.lock().await;
    // Reading many megabytes takes long enough to hold up other requests.
    let read = tokio::task::spawn_blocking(move || serde_json::from_slice::<RunRecord>(&body)).await;
    let record = read.map_err(|error| Error::Write(error.to_string()))?.map_err(|error| wrong(format!("this is no run: {error}")))?;
    let kept = Archive::Tables(&runs.store, &tenant).keep(&record, (runs.clock)()).await;
    kept.map(Json).map_err(|error| match error {
        evaluator::Error::Store(error) => Error::Store(error),
        error if error.kind() == ErrorKind::Input => wrong(error.to_string()),
        error => Error::Write(error.to_string()),
    })
}

fn wrong(message: String) -> Error {
    Error::Input { message, hint: HINT }
}
