//! Whether the process lives (`/health`), and whether it can take data and answer now (`/ready`).
//!
//! They differ while the object store is waited for or the log of the last run is read again, which may take minutes and is no reason to
//! restart anything, and while the disk is full, commits hang or memory is used up, when a load balancer should ask elsewhere. Until the store
//! is open, this also stands in for the dashboard.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use collector::kafka::KafkaHealth;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use store::{ReplayProgress, Store};
use tower::ServiceExt as _;

use crate::config::Role;
use crate::metrics::Metrics;

/// What is known of a server from its first moment on.
pub struct Readiness {
    /// How far the start is.
    pub replay: ReplayProgress,
    /// How Kafka stands, where the role has to do with it.
    pub kafka: KafkaHealth,
    role: Role,
    opened: OnceLock<(Store, Router)>,
    metrics: OnceLock<Metrics>,
}

impl Readiness {
    /// Begins with nothing known.
    pub fn of(role: Role) -> Self {
        Self { replay: ReplayProgress::default(), kafka: KafkaHealth::default(), role, opened: OnceLock::new(), metrics: OnceLock::new() }
    }

    /// Says that the store is open, and which pages and metrics are over it.
    pub fn opened(&self, store: Store, pages: Router, metrics: Metrics) {
        // A server opens once.
        let _ = self.opened.set((store, pages));
        self.shows(metrics);
    }

    /// Says which metrics there are.
    pub fn shows(&self, metrics: Metrics) {
        let _ = self.metrics.set(metrics);
    }

    /// Tells why the server cannot take data and answer now; nothing where it can.
    fn reason(&self) -> Option<Value> {
        let kafka = || self.kafka.trouble().map(|reason| json!({"ready": false, "reason": reason}));
        if self.role == Role::Gateway {
            return kafka();
        }
        let Some((store, _)) = self.opened.get() else {
            let (done, all) = self.replay.bytes();
            return Some(match self.role {
                _ if self.replay.waits_for_objects() => json!({"ready": false, "reason": "waiting for the object store with the tables"}),
                Role::Query => json!({"ready": false, "reason": "waiting for the tables"}),
                _ => json!({"ready": false, "reason": "reading the log of the last run again", "bytes_read": done, "bytes": all}),
            });
        };
        let trouble = store.trouble().map(|reason| json!({"ready": false, "reason": reason}));
        trouble.or_else(|| (self.role == Role::Ingester).then(kafka).flatten())
    }

    /// Adds to an answer what this process is for, and how far it has come with it.
    fn with_role(&self, mut answer: Value) -> Value {
        answer["role"] = json!(self.role);
        if matches!(self.role, Role::Gateway | Role::Ingester) {
            answer["kafka"] = json!(self.kafka.status());
        }
        answer
    }
}

/// Every route of the dashboard's port: health, readiness and metrics, and whatever the dashboard has once it is there.
pub fn router(readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(pages)
        .with_state(readiness)
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.reason() {
        None => answer(StatusCode::OK, &readiness.with_role(json!({"ready": true}))),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, &readiness.with_role(reason)),
    }
}

async fn metrics(State(readiness): State<Arc<Readiness>>, headers: HeaderMap) -> Response {
    match readiness.metrics.get() {
        Some(metrics) => metrics.answer(&headers).await,
        None => answer(StatusCode::SERVICE_UNAVAILABLE, &readiness.reason().unwrap_or_default()),
    }
}

async fn pages(State(readiness): State<Arc<Readiness>>, request: Request) -> Response {
    match readiness.opened.get() {
        Some((_, pages)) => pages.clone().oneshot(request).await.unwrap_or_else(|error| match error {}),
        None if request.uri().path() == "/healthz" => Response::new(Body::from("ok\n")),
        None if readiness.role == Role::Gateway => {
            answer(StatusCode::NOT_FOUND, &json!({"error": {"message": "a gateway has no tables; ask an ingester"}}))
        }
        None => answer(StatusCode::SERVICE_UNAVAILABLE, &readiness.reason().unwrap_or_default()),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
