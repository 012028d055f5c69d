//! A receiver on loopback that answers as the test says, and keeps what it took.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use monitor::Notifier;
use monitor::notify::{NotifyConfig, Retry, WebhookConfig, notifiers};
use serde_json::Value;
use std::sync::Mutex;

/// One request that was answered with a 2xx.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Debug)]
struct Inner {
    status: u16,
    body: String,
    taken: Vec<Request>,
    n_requests: usize,
}

/// An HTTP server of the test.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner { status: 200, body: String::new(), taken: Vec::new(), n_requests: 0 }));
        let answer = {
            let inner = inner.clone();
            move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
                let mut inner = inner.lock().unwrap();
                inner.n_requests += 1;
                let status = StatusCode::from_u16(inner.status).unwrap();
                if status.is_success() {
                    inner.taken.push(Request { path: uri.path().to_owned(), headers, body });
                }
                (status, inner.body.clone())
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, inner }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16, body: &str) {
        let mut inner = self.inner.lock().unwrap();
        (inner.status, inner.body) = (status, body.to_owned());
    }

    pub fn taken(&self) -> Vec<Request> {
        self.inner.lock().unwrap().taken.clone()
    }

    pub fn n_requests(&self) -> usize {
        self.inner.lock().unwrap().n_requests
    }

    pub fn states(&self) -> Vec<String> {
        self.taken().iter().map(|request| request.field("state")).collect()
    }

    pub fn webhook(&self, name: &str) -> WebhookConfig {
        WebhookConfig { retry: quick(), ..WebhookConfig::new(name, format!("{}/hook?token=secret", self.url)) }
    }
}

/// Patience for tests.
pub fn quick() -> Retry {
    Retry { backoff_ms: 1, ..Retry::default() }
}

/// Settings that may reach this machine.
pub fn loopback() -> NotifyConfig {
    NotifyConfig { private_hosts: vec!["127.0.0.1".to_owned()], ..NotifyConfig::default() }
}

/// The one notifier of the settings that is not the log.
pub fn only(config: &NotifyConfig, secret: impl Fn(&str) -> Option<String>) -> Arc<dyn Notifier> {
    notifiers(config, secret).unwrap().pop().unwrap()
}
