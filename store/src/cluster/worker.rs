//! The part of a node that runs tasks of other nodes' queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion_distributed::{DistributedExt, Worker, WorkerQueryContext};
use futures::future::{Either, Ready, ready};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::{Layer, Service};

use super::Secret;
use crate::engine::Engine;
use crate::error::Error;
use crate::session;
use crate::store::Store;

impl Store {
    /// Runs tasks of other nodes' queries until `stop`, on the threads that queries have, within the memory that they have.
    ///
    /// # Errors
    ///
    /// Fails where the server cannot go on.
    pub async fn serve_tasks(&self, listener: TcpListener, secret: Secret, stop: CancellationToken) -> Result<(), Error> {
        let engine = self.inner.engine()?;
        let worker = worker(engine, secret.clone(), Arc::clone(&self.inner.cluster_tasks));
        let server = Server::builder()
            .layer(Guard { secret })
            .add_service(worker.into_worker_server())
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned());
        engine.spawn(server)?.await.map_err(|error| Error::Task(error.to_string()))?.map_err(|error| Error::Task(error.to_string()))
    }
}

/// Makes a worker that knows karat's functions, and whose own tasks show the secret to the next node.
fn worker(engine: &Engine, secret: Secret, tasks: Arc<AtomicU64>) -> Worker {
    let runtime = engine.runtime();
    let build = move |context: WorkerQueryContext| {
        tasks.fetch_add(1, Ordering::Relaxed);
        let state = task_state(context, &secret);
        async move { state }
    };
    Worker::from_session_builder(build).with_runtime_env(runtime).with_version(env!("CARGO_PKG_VERSION"))
}

fn task_state(context: WorkerQueryContext, secret: &Secret) -> Result<SessionState, DataFusionError> {
    let base = session::base_state();
    let builder = context
        .builder
        .with_scalar_functions(base.scalar_functions().values().cloned().collect())
        .with_aggregate_functions(base.aggregate_functions().values().cloned().collect())
        .with_window_functions(base.window_functions().values().cloned().collect())
        .with_higher_order_functions(base.higher_order_functions().values().cloned().collect());
    Ok(builder.with_distributed_passthrough_headers(secret.headers())?.build())
}

/// Lets in only those who show the secret.
#[derive(Debug, Clone)]
struct Guard {
    secret: Secret,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { secret: self.secret.clone(), inner }
    }
}

/// A service behind a [`Guard`].
#[derive(Debug, Clone)]
struct Guarded<S> {
    secret: Secret,
    inner: S,
}

type Response = http::Response<Body>;

impl<S, B> Service<http::Request<B>> for Guarded<S>
where
    S: Service<http::Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        if self.secret.is_shown_by(request.headers()) {
            return Either::Left(self.inner.call(request));
        }
        let refused =
            Status::unauthenticated("tasks are taken from nodes that show the cluster's secret; give every node the same KARAT_CLUSTER_SECRET");
        Either::Right(ready(Ok(refused.into_http())))
    }
}
