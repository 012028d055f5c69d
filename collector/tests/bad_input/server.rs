//! A collector over a real store in a directory of its own, and clients that can send it anything.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use collector::price::PriceTable;
use collector::{CollectorConfig, Decoder, Sink, serve};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use schema::{Keys, Micros, Tenant};
use store::{QueryOptions, Store, StoreConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

/// The server's `now`: 2026-11-20T12:00:00Z.
pub const NOW: Micros = Micros(1_795_176_000_000_000);
/// A span's start, an hour before.
pub const START: u64 = 1_795_172_400_000_000_000;

pub const TRACES: &str = "/v1/traces";
pub const LOGS: &str = "/v1/logs";
pub const METRICS: &str = "/v1/metrics";
pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

pub struct Server {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub store: Store,
    stop: CancellationToken,
    task: JoinHandle<Result<(), collector::Error>>,
    _directory: TempDir,
}

impl Server {
    pub async fn start(config: CollectorConfig, keys: Keys) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let decoder = Arc::new(Decoder::new(Arc::new(PriceTable::shipped()), config.decode.clone()));
        let store_config = StoreConfig { data: directory.path().to_owned(), ..StoreConfig::default() };
        let clock: schema::Clock = Arc::new(|| NOW);
        let store = Store::open(store_config, Arc::clone(&decoder) as _, Arc::clone(&clock)).await.unwrap();
        let (grpc, http) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (grpc_address, http_address) = (grpc.local_addr().unwrap(), http.local_addr().unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(config, Sink::Store(store.clone()), decoder, Arc::new(keys), clock, grpc, http, stop.clone()));
        Self { http: http_address, grpc: grpc_address, store, stop, task, _directory: directory }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        self.store.close().await.unwrap();
    }

    /// How many rows a table of the default tenant holds, committed or not, after everything that was acked is in it.
    pub async fn n_rows(&self, table: &str) -> u64 {
        self.n_rows_of("default", table).await
    }

    /// The answer of a query, over everything that was acked.
    pub async fn sql<T: serde::de::DeserializeOwned>(&self, sql: &str) -> Vec<T> {
        self.store.settle().await.unwrap();
        self.store.query(&Tenant::default(), sql, &QueryOptions::default()).await.unwrap().rows().unwrap()
    }

    pub async fn n_rows_of(&self, tenant: &str, table: &str) -> u64 {
        self.store.settle().await.unwrap();
        let tables = self.store.status().tables;
        tables.iter().filter(|status| status.tenant == tenant && status.table == table).map(|status| status.held_rows + status.rows).sum()
    }
}

/// A request over HTTP; the default is a trace export in protobuf.
#[derive(Clone)]
pub struct Http {
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
}

pub fn post(path: &'static str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Http {
    Http { method: "POST", path, headers: vec![("content-type", content_type)], body: body.into() }
}

impl Http {
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub async fn send(self, server: &Server) -> HttpAnswer {
        let url = format!("http://{}{}", server.http, self.path);
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, url).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        HttpAnswer { status, headers, body: response.bytes().await.unwrap() }
    }
}

pub struct HttpAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpAnswer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The count and the message of a partial success in protobuf; nothing where all was kept.
    pub fn partial(&self) -> Option<(i64, String)> {
        assert_eq!((self.status, self.header("content-type")), (200, PROTOBUF), "{:?}", self.body);
        partial_of(&self.body)
    }

    /// The body as text, for JSON.
    pub fn text(&self) -> &str {
        assert_eq!(self.header("content-type"), JSON);
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status, code and message of an error in protobuf.
    pub fn error(&self) -> (u16, i32, String) {
        assert_eq!(self.header("content-type"), PROTOBUF);
        let status = tonic_types::Status::decode(&*self.body).unwrap();
        (self.status, status.code, status.message)
    }
}

/// A call over gRPC; the default is a trace export.
#[derive(Clone)]
pub struct Grpc {
    pub path: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    /// The bytes of the request's body, with their frame.
    pub framed: Vec<u8>,
}

pub const EXPORT_TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub const EXPORT_LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub const EXPORT_METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

pub fn call(path: &'static str, message: &[u8]) -> Grpc {
    Grpc { path, headers: Vec::new(), framed: frame(0, message) }
}

pub fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut framed = vec![flag];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    framed
}

pub struct GrpcAnswer {
    pub status: Status,
    pub body: Bytes,
}

impl Grpc {
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub async fn send(self, server: &Server) -> GrpcAnswer {
        let body = tonic::body::Body::new(Full::new(Bytes::from(self.framed.clone())));
        self.send_body(server, body).await
    }

    pub async fn send_body(self, server: &Server, body: tonic::body::Body) -> GrpcAnswer {
        let endpoint = Channel::from_shared(format!("http://{}", server.grpc)).unwrap();
        let mut channel = endpoint.connect().await.unwrap();
        let mut request = Request::post(self.path).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = channel.ready().await.unwrap().call(request.body(body).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let status = Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(body.trailers()?)).unwrap();
        GrpcAnswer { status, body: body.to_bytes() }
    }
}

impl GrpcAnswer {
    /// The count and the message of a partial success; nothing where all was kept.
    pub fn partial(&self) -> Option<(i64, String)> {
        assert_eq!(self.status.code(), Code::Ok, "{}", self.status.message());
        let [0, len @ ..] = *self.body.first_chunk::<5>().unwrap() else { panic!("not a plain frame") };
        assert_eq!(u32::from_be_bytes(len) as usize, self.body.len() - 5);
        partial_of(&self.body[5..])
    }

    pub fn error(&self) -> (Code, String) {
        (self.status.code(), self.status.message().to_owned())
    }

    /// How long the server asks to wait before the same is sent again.
    pub fn retry_s(&self) -> Option<u64> {
        Some(self.status.get_details_retry_info()?.retry_delay?.as_secs())
    }
}

fn partial_of(body: &[u8]) -> Option<(i64, String)> {
    let response = ExportTraceServiceResponse::decode(body).unwrap();
    response.partial_success.map(|partial| (partial.rejected_spans, partial.error_message))
}
