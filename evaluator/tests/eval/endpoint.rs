//! A server on a loopback port that speaks OpenAI's wire format, and misbehaves as it is told.

use std::any::Any;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use serde_json::{Value, json};

/// What the server answers to one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A completion with this content.
    Content(String),
    /// This body with status 200.
    Raw(&'static str),
    /// The same, made by the test.
    Body(String),
    /// Status 400 with this message.
    Refusal(&'static str),
    /// A completion with this content after a while, until when something is held.
    Late(Duration, String, Arc<dyn Any + Send + Sync>),
    /// An error, with `Retry-After` where it is given.
    Status(u16, Option<&'static str>),
    /// Nothing for a long time.
    Silence,
    /// The beginning of an answer, and then a broken connection.
    Broken,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub body: String,
    pub authorization: Option<String>,
    pub traceparent: Option<String>,
    pub at: Instant,
}

impl Seen {
    /// What stands between two tags of the user's message.
    pub fn tagged(&self, tag: &str) -> String {
        let user = self.message("user");
        let (_, rest) = user.split_once(&format!("<{tag}>\n")).unwrap();
        rest.split_once(&format!("\n</{tag}>")).unwrap().0.to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text of a message by its role.
    pub fn message(&self, role: &str) -> String {
        let json = self.json();
        let message = json["messages"].as_array().unwrap().iter().find(|message| message["role"] == role).unwrap();
        message["content"].as_str().unwrap().to_owned()
    }
}

pub struct Endpoint {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Endpoint {
    /// Starts the server; `reply` is given the number of the request, from 0, and the request.
    pub async fn start(reply: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let reply = Arc::new(reply);
        let handler = move |headers: HeaderMap, body: Bytes| {
            let (requests, reply) = (Arc::clone(&requests), Arc::clone(&reply));
            async move { answer(&headers, &body, &requests, reply.as_ref()).await }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let paths = ["/v1/chat/completions", "/v1/embeddings", "/embed"];
        let router = paths.iter().fold(Router::new(), |router, path| router.route(path, post(handler.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    /// An address at which nobody listens.
    pub async fn dead() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/v1", listener.local_addr().unwrap())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A chat completion as servers write it.
pub fn completion(message: &Value, logprobs: &Value) -> String {
    let usage = json!({"prompt_tokens": 120, "completion_tokens": 9, "total_tokens": 129});
    let choices = json!([{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}]);
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}).to_string()
}

async fn answer(headers: &HeaderMap, body: &Bytes, requests: &Mutex<Vec<Seen>>, reply: &(dyn Fn(usize, &Seen) -> Reply + Send + Sync)) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let request = Seen { body, authorization: header("authorization"), traceparent: header("traceparent"), at: Instant::now() };
    let number = {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    let json = |status: StatusCode, body: String| (status, [("content-type", "application/json")], body).into_response();
    match reply(number, &request) {
        Reply::Content(content) => json(StatusCode::OK, completion(&json!({"role": "assistant", "content": content}), &Value::Null)),
        Reply::Late(pause, content, _held) => {
            tokio::time::sleep(pause).await;
            json(StatusCode::OK, completion(&json!({"role": "assistant", "content": content}), &Value::Null))
        }
        Reply::Raw(body) => json(StatusCode::OK, body.to_owned()),
        Reply::Body(body) => json(StatusCode::OK, body),
        Reply::Refusal(message) => json(StatusCode::BAD_REQUEST, json!({"error": {"message": message, "type": "invalid_request_error"}}).to_string()),
        Reply::Status(status, retry_after) => {
            let error = json!({"error": {"message": "the test says no", "type": "test", "code": null}});
            let mut response = json(StatusCode::from_u16(status).unwrap(), error.to_string());
            if let Some(retry_after) = retry_after {
                response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
            }
            response
        }
        Reply::Broken => {
            let begun = futures::stream::iter([Ok(Bytes::from("{\"answer\": \"fi"))]);
            // What was begun is on its way before the wire is cut.
            let cut = futures::stream::once(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("the test cuts the wire"))
            });
            Response::new(axum::body::Body::from_stream(begun.chain(cut)))
        }
        Reply::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            json(StatusCode::OK, String::new())
        }
    }
}
