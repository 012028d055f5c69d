//! A dashboard over a store of its own, asked without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use dashboard::DashboardConfig;
use http_body_util::BodyExt;
use schema::{Keys, Row, Tenant};
use serde_json::Value;
use store::Store;
use tower::ServiceExt;

use crate::support::{self, NOW};

/// A dashboard, its store, and the directory that it lives in.
pub struct Dashboard {
    pub router: Router,
    pub store: Store,
    _data: tempfile::TempDir,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Dashboard {
    /// Opens one without keys.
    pub async fn open() -> Self {
        Self::with(DashboardConfig::default(), Keys::default()).await
    }

    /// Opens one with settings and keys.
    pub async fn with(config: DashboardConfig, keys: Keys) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = support::open(data.path(), NOW).await;
        let router = dashboard::router(config, store.clone(), Arc::new(keys), Arc::new(|| NOW), axum::Router::new());
        Self { router, store, _data: data }
    }

    /// Appends rows for the tenant of a server without keys.
    pub async fn append<R: Row>(&self, rows: &[R]) {
        self.store.append(&Tenant::default(), rows, NOW).await.unwrap();
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    /// Gets a path with headers; a `host` among them takes the place of `localhost`.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(with_headers(Request::builder().uri(path), headers).body(Body::empty()).unwrap()).await
    }

    /// Gets a page that must be there, as text.
    #[track_caller]
    #[allow(clippy::manual_async_fn, reason = "an async fn would name itself as the caller")]
    pub fn page<'a>(&'a self, path: &'a str) -> impl Future<Output = String> + 'a {
        async move {
            let answer = self.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            answer.text()
        }
    }

    /// Posts a body with headers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send(with_headers(Request::post(path), headers).body(body.into()).unwrap()).await
    }

    /// Runs a query over the API.
    pub async fn sql(&self, request: &Value) -> Answer {
        self.post("/api/v1/sql", &[("content-type", "application/json")], request.to_string()).await
    }
}

impl Answer {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns a header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns `(status, error.kind)` of an API error, and checks that it says what to do.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        assert!(error["hint"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        (self.status.as_u16(), error["kind"].as_str().unwrap().to_owned())
    }
}

/// Cuts what stands between two marks, the marks included.
#[track_caller]
pub fn cut<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    let end = text[start..].find(to).unwrap_or_else(|| panic!("no {to} after {from}"));
    &text[start..start + end + to.len()]
}

/// Lists what stands between each pair of marks.
pub fn all_between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    text.split(from).skip(1).filter_map(|rest| rest.split_once(to)).map(|(inner, _)| inner).collect()
}

fn with_headers(mut request: axum::http::request::Builder, headers: &[(&str, &str)]) -> axum::http::request::Builder {
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:4319");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
}
