//! The app that suites over HTTP ask.

use axum::extract::Query;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

/// An app on a port of its own.
pub struct App {
    pub url: String,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

impl App {
    pub async fn start() -> Self {
        let chat =
            |Json(body): Json<Value>| async move { Json(json!({"answer": {"text": format!("you said: {}", body["question"].as_str().unwrap())}})) };
        let plain = |Query(asked): Query<Asked>| async move { format!("plain: {}", asked.q) };
        let router = Router::new().route("/chat", post(chat)).route("/plain", get(plain));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url }
    }
}
