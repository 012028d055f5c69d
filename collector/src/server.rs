//! Both ports of the collector, from their first connection to a clean stop.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use schema::{Clock, Keys};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::Server;

use crate::config::CollectorConfig;
use crate::connections::{Bounds, accept};
use crate::decode::Decoder;
use crate::intake::Intake;
use crate::refusal::Refusal;
use crate::sink::Sink;
use crate::{grpc, http};

/// Largest HTTP/2 frame: large bodies come in fewer pieces than with the usual 16 KiB.
const FRAME_BYTES: u32 = 256 * 1024;

/// Why the collector cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port failed.
    #[error("the {port} port failed: {source}")]
    Port {
        /// Which one: `OTLP/gRPC` or `OTLP/HTTP`.
        port: &'static str,
        /// What happened to it.
        source: tonic::transport::Error,
    },
}

/// Serves OTLP on both listeners until `stop`; then lets requests that are under way finish, for a while.
#[allow(clippy::too_many_arguments, reason = "each is a part that the caller owns; wiring happens once")]
pub fn serve(
    config: CollectorConfig,
    sink: Sink,
    decoder: Arc<Decoder>,
    keys: Arc<Keys>,
    clock: Clock,
    grpc: TcpListener,
    http: TcpListener,
    stop: CancellationToken,
) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async move {
        let bounds = Bounds { n_max: config.connections_max, idle: Duration::from_millis(config.connection_idle_ms) };
        let grace = Duration::from_millis(config.stop_grace_ms);
        let server = server(&config);
        let intake = Arc::new(Intake::new(config, sink, decoder, keys, clock));

        let calls = {
            let intake = Arc::clone(&intake);
            tower::service_fn(move |request| grpc::serve(Arc::clone(&intake), request))
        };
        let grpc = server.clone().accept_http1(true).serve_with_incoming_shutdown(calls, accept(grpc, bounds), stop.cancelled());
        let http = server.accept_http1(true).serve_with_incoming_shutdown(http::router(intake), accept(http, bounds), stop.cancelled());
        let grpc = async { grpc.await.map_err(|source| Error::Port { port: "OTLP/gRPC", source }) };
        let http = async { http.await.map_err(|source| Error::Port { port: "OTLP/HTTP", source }) };
        until_stopped(async { tokio::try_join!(grpc, http).map(|_| ()) }, &stop, grace).await
    })
}

/// Tells senders on both listeners to come back for as long as `work` takes, and returns what came of it.
///
/// A sender whose connection is neither taken nor refused would wait until its deadline.
pub async fn refuse_during<T>(config: &CollectorConfig, grpc: &TcpListener, http: &TcpListener, work: impl Future<Output = T>) -> T {
    let bounds = Bounds { n_max: config.connections_max, idle: Duration::from_millis(config.connection_idle_ms) };
    let grace = Duration::from_millis(config.stop_grace_ms);
    let (server, done) = (server(config), CancellationToken::new());
    let calls = tower::service_fn(async |_: ::http::Request<Body>| Ok::<_, Infallible>(grpc::refuse(&Refusal::Starting)));
    let ports = async {
        let grpc = server.clone().accept_http1(true).serve_with_incoming_shutdown(calls, accept(grpc, bounds), done.cancelled());
        let http = server.clone().accept_http1(true).serve_with_incoming_shutdown(http::closed(), accept(http, bounds), done.cancelled());
        // What fails here fails again when the ports are served, and is told then.
        let _ = tokio::join!(grpc, http);
        Ok(())
    };
    let work = async {
        let outcome = work.await;
        done.cancel();
        outcome
    };
    tokio::join!(work, until_stopped(ports, &done, grace)).0
}

/// Runs the ports to their end; after a stop no longer than `grace`.
async fn until_stopped(ports: impl Future<Output = Result<(), Error>>, stop: &CancellationToken, grace: Duration) -> Result<(), Error> {
    tokio::pin!(ports);
    tokio::select! {
        ended = &mut ports => return ended,
        () = stop.cancelled() => {}
    }
    match timeout(grace, ports).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::warn!(grace_ms = grace.as_millis(), "requests were still under way when the collector stopped");
            Ok(())
        }
    }
}

fn server(config: &CollectorConfig) -> Server {
    let keepalive = Duration::from_millis(config.keepalive_ms);
    Server::builder()
        .max_concurrent_streams(config.streams_max)
        .http2_max_header_list_size(config.header_bytes_max)
        .initial_stream_window_size(config.window_bytes)
        .initial_connection_window_size(config.window_bytes.saturating_mul(2))
        .max_frame_size(FRAME_BYTES)
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
}
