//! OTLP over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

use crate::answer;
use crate::compression::Coding;
use crate::door::{Client, Hold};
use crate::inlet::{Inlet, drain};
use crate::intake::{Format, Intake, Sent, Taken};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// Every route of the port.
pub fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/traces", post(|State(intake), request| export(Signal::Traces, intake, request)).fallback(wrong_method))
        .route("/v1/logs", post(|State(intake), request| export(Signal::Logs, intake, request)).fallback(wrong_method))
        .route("/v1/metrics", post(|State(intake), request| export(Signal::Metrics, intake, request)).fallback(wrong_method))
        .fallback(wrong_path)
        .with_state(intake)
}

/// The routes of a port that takes nothing yet.
pub fn closed() -> Router {
    Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        turn_away(Refusal::Starting, head, body).await
    })
}

async fn export(signal: Signal, intake: Arc<Intake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let format = format_of(&head.headers).unwrap_or(Format::Json);
    match take(signal, &intake, &head, body).await {
        Ok(taken) => success(signal, format, &taken),
        Err((refusal, rest)) => {
            let refusal = intake.refused(signal, refusal);
            refuse(format, &refusal, Unread { rest, version: head.version, headers: &head.headers }).await
        }
    }
}

/// Takes one request; on a refusal what was not read of the body comes back.
async fn take(signal: Signal, intake: &Arc<Intake>, head: &Parts, body: Body) -> Result<Taken, (Refusal, Option<Body>)> {
    let facts = || {
        let client = intake.client_of(head)?;
        let format = format_of(&head.headers)?;
        let coding = Coding::parse(head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
        Ok((client, format, coding))
    };
    let (client, format, coding) = match facts() {
        Ok(facts) => facts,
        Err(refusal) => return Err((refusal, Some(body))),
    };
    let (body, hold) = receive(intake, &client, &head.headers, body).await?;
    let sent = Sent { signal, coding, format, tenant: client.tenant, body, hold };
    intake.take(sent).await.map_err(|refusal| (refusal, None))
}

async fn receive(intake: &Intake, client: &Client, headers: &HeaderMap, body: Body) -> Result<(Bytes, Hold), (Refusal, Option<Body>)> {
    let len = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
    let mut inlet = Inlet::open(body, len, intake.door(), client, intake.bounds()).map_err(|(refusal, rest)| (refusal, Some(rest)))?;
    match inlet.receive_all().await {
        Ok(()) => Ok(inlet.close()),
        Err(refusal @ (Refusal::Slow { .. } | Refusal::Broken(_))) => Err((refusal, None)),
        Err(refusal) => Err((refusal, Some(inlet.into_rest()))),
    }
}

/// Reads the content type; parameters such as a charset do not matter.
fn format_of(headers: &HeaderMap) -> Result<Format, Refusal> {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    let name = value.split(';').next().unwrap_or_default().trim();
    match () {
        () if name.eq_ignore_ascii_case("application/x-protobuf") => Ok(Format::Protobuf),
        () if name.eq_ignore_ascii_case("application/json") => Ok(Format::Json),
        () => Err(Refusal::ContentType(name.chars().take(80).collect())),
    }
}

fn success(signal: Signal, format: Format, taken: &Taken) -> Response {
    let mut response = Response::new(Body::from(answer::response(signal, format, taken)));
    response.headers_mut().insert(CONTENT_TYPE, content_type(format));
    response
}

fn content_type(format: Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    })
}

/// What was not read of a request that is refused.
struct Unread<'a> {
    rest: Option<Body>,
    version: Version,
    headers: &'a HeaderMap,
}

/// Answers a refusal, in the format of the request, or in JSON where that has none.
async fn refuse(format: Format, refusal: &Refusal, unread: Unread<'_>) -> Response {
    let verdict = refusal.verdict();
    if let Some(error) = refusal.fault() {
        tracing::warn!(error, status = verdict.http.as_u16(), "request not stored");
    }
    let mut response = Response::new(Body::from(answer::error(format, verdict.grpc, &refusal.message())));
    *response.status_mut() = verdict.http;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(format));
    if let Some(pause) = verdict.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(pause.as_secs().max(1)));
    }
    let (name, value): (HeaderName, &'static str) = match refusal {
        Refusal::Denied(_) => (WWW_AUTHENTICATE, "Bearer"),
        Refusal::Method(_) => (ALLOW, "POST"),
        Refusal::Coding(_) => (ACCEPT_ENCODING, "gzip, zstd, deflate"),
        // The rest of the body may still come; it must not be read as the next request.
        Refusal::Slow { .. } if unread.version < Version::HTTP_2 => (CONNECTION, "close"),
        _ => return drained(response, unread).await,
    };
    headers.insert(name, HeaderValue::from_static(value));
    drained(response, unread).await
}

/// Lets the sender finish, unless it waits for leave to begin.
async fn drained(response: Response, unread: Unread<'_>) -> Response {
    if let Some(rest) = unread.rest
        && unread.version < Version::HTTP_2
        && !unread.headers.contains_key(EXPECT)
    {
        drain(rest).await;
    }
    response
}

async fn wrong_method(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let refusal = Refusal::Method(format!("{} {} is not served here; export OTLP with POST {0}", head.uri.path(), head.method));
    turn_away(refusal, head, body).await
}

async fn wrong_path(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path: String = head.uri.path().chars().take(200).collect();
    let hint = match () {
        () if path.ends_with("/Export") => "; this port speaks OTLP over HTTP, gRPC has a port of its own (4317)",
        () if head.method == Method::GET => "; the dashboard has a port of its own (4319)",
        () => "",
    };
    let refusal = Refusal::Path(format!("{path} is not here: export OTLP with POST /v1/traces, /v1/logs or /v1/metrics{hint}"));
    turn_away(refusal, head, body).await
}

async fn turn_away(refusal: Refusal, head: Parts, body: Body) -> Response {
    let format = format_of(&head.headers).unwrap_or(Format::Json);
    refuse(format, &refusal, Unread { rest: Some(body), version: head.version, headers: &head.headers }).await
}
