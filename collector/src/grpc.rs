//! OTLP over gRPC.
//!
//! The framing of a unary call is a handful of bytes, and is read here instead of by tonic's codec: the codec decompresses on the runtime's
//! threads, answers OUT_OF_RANGE (which OTLP clients repeat for ever) to a large message and INTERNAL (which drops the data) to a damaged
//! one, and the log wants the bytes as they were sent. Connections, streams and statuses are tonic's.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::answer;
use crate::compression::Coding;
use crate::inlet::Inlet;
use crate::intake::{Format, Intake, Sent, Taken};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// A flag and a length stand before every message.
const PREFIX_BYTES: usize = 5;

/// Answers one call.
pub async fn serve(intake: Arc<Intake>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    if !is_grpc(&head.headers) {
        return Ok(not_grpc());
    }
    let taken = match signal_of(head.uri.path()) {
        Ok(signal) => {
            let taken = take(signal, &intake, &head, body).await;
            taken.map(|taken| (signal, taken)).map_err(|refusal| intake.refused(signal, refusal))
        }
        Err(refusal) => Err(refusal),
    };
    Ok(match taken {
        Ok((signal, taken)) => success(signal, &taken),
        Err(refusal) => refuse(&refusal),
    })
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let name = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    matches!(name.trim_ascii(), b"application/grpc" | b"application/grpc+proto")
}

fn signal_of(path: &str) -> Result<Signal, Refusal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Ok(Signal::Traces),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Ok(Signal::Logs),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Ok(Signal::Metrics),
        path => {
            let path: String = path.chars().take(200).collect();
            Err(Refusal::Path(format!("{path} is not served here; this port takes OTLP's TraceService, LogsService and MetricsService")))
        }
    }
}

async fn take(signal: Signal, intake: &Arc<Intake>, head: &http::request::Parts, body: Body) -> Result<Taken, Refusal> {
    let client = intake.client_of(head)?;
    let coding = Coding::parse(head.headers.get("grpc-encoding").map(HeaderValue::as_bytes))?;
    let mut bounds = intake.bounds();
    bounds.bytes_max += PREFIX_BYTES;
    let mut inlet = Inlet::open(body, None, intake.door(), &client, bounds).map_err(|(refusal, _)| refusal)?;
    inlet.receive(PREFIX_BYTES).await?;
    let prefix = *inlet.bytes().first_chunk::<PREFIX_BYTES>().ok_or(Refusal::Framing("is missing"))?;
    let [flag, len @ ..] = prefix;
    let len = u32::from_be_bytes(len) as usize;
    if len > intake.bounds().bytes_max {
        return Err(Refusal::TooLarge { bytes_max: intake.bounds().bytes_max });
    }
    if !intake.door().may_send(&client, len, Instant::now()) {
        return Err(Refusal::Busy);
    }
    inlet.receive(PREFIX_BYTES + len).await?;
    let (bytes, hold) = inlet.close();
    if bytes.len() < PREFIX_BYTES + len {
        return Err(Refusal::Framing("is shorter than its length says"));
    }
    let coding = match flag {
        0 => Coding::Identity,
        1 if coding == Coding::Identity => return Err(Refusal::Framing("is marked as compressed, but grpc-encoding names no compression")),
        1 => coding,
        _ => return Err(Refusal::Framing("begins with a flag that gRPC does not have")),
    };
    let body = bytes.slice(PREFIX_BYTES..PREFIX_BYTES + len);
    intake.take(Sent { signal, coding, format: Format::Protobuf, tenant: client.tenant, body, hold }).await
}

fn success(signal: Signal, taken: &Taken) -> Response<Body> {
    let message = answer::response(signal, Format::Protobuf, taken);
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(&message);
    let trailers = std::future::ready(Some(Ok(HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]))));
    let mut response = Response::new(Body::new(Full::new(framed.freeze()).with_trailers(trailers)));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Answers a refusal.
pub fn refuse(refusal: &Refusal) -> Response<Body> {
    let verdict = refusal.verdict();
    if let Some(error) = refusal.fault() {
        tracing::warn!(error, code = ?verdict.grpc, "request not stored");
    }
    let mut status = match verdict.retry_after {
        Some(pause) => Status::with_error_details(verdict.grpc, refusal.message(), ErrorDetails::with_retry_info(Some(pause))),
        None => Status::new(verdict.grpc, refusal.message()),
    };
    if matches!(refusal, Refusal::Coding(_)) {
        status.metadata_mut().insert("grpc-accept-encoding", tonic::metadata::MetadataValue::from_static("gzip,zstd,deflate,identity"));
    }
    status.into_http()
}

/// The answer to what is not gRPC at all, such as an exporter that was given the wrong one of two ports.
fn not_grpc() -> Response<Body> {
    let message = "this port speaks gRPC; OTLP over HTTP has a port of its own (4318)";
    let body = answer::error(Format::Json, Code::Unimplemented, message);
    let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
