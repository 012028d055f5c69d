//! The role `query`: reads the tables that other nodes write, and shares the work of large queries with others like it.

use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::ready::{self, Readiness};
use crate::runs;
use crate::serve;

/// The bound addresses.
#[derive(Debug, Serialize)]
struct Addresses {
    http: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

/// Runs a query node until SIGINT or SIGTERM.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let keys = Arc::new(config.keys(|name| std::env::var(name).ok())?);
    let http = serve::bind(config.listen.http, "http").await?;
    let mut addresses = Addresses { http: http.local_addr()?.to_string(), cluster: None };
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    let readiness = Arc::new(Readiness::of(config.role));
    tasks.spawn({
        let (router, stop) = (ready::router(Arc::clone(&readiness)), stop.clone());
        async move {
            let server = axum::serve(http, router.into_make_service()).with_graceful_shutdown(stop.cancelled_owned());
            server.await.context("the dashboard stopped")
        }
    });
    let store = Store::open_follower(config.store.clone(), clock::wall_clock()).await?;
    if !config.cluster.nodes.is_empty() {
        addresses.cluster = Some(cluster::join(&config, &store, &stop, &mut tasks).await?);
    }
    let metrics = Metrics::of_store(store.clone(), Arc::clone(&keys), clock::wall_clock());
    let runs = runs::router(store.clone(), Arc::clone(&keys), clock::wall_clock(), config.dashboard.run_bytes_max);
    let pages = dashboard::router(config.dashboard.clone(), store.clone(), keys, clock::wall_clock(), runs);
    readiness.opened(store.clone(), pages, metrics);

    let told_to_stop = serve::told_to_stop();
    serve::print_ready(&addresses)?;
    let failed = tokio::select! {
        () = told_to_stop => None,
        Some(ended) = tasks.join_next() => Some(ended),
    };
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    store.close().await?;
    match failed {
        Some(ended) => ended.context("a part of the query node panicked")?,
        None => Ok(()),
    }
}

#[cfg(not(feature = "cluster"))]
mod cluster {
    use super::{CancellationToken, Config, JoinSet, Store};

    /// Says that this build cannot.
    #[expect(clippy::unused_async, reason = "the same signature as of a build with it")]
    pub async fn join(_: &Config, _: &Store, _: &CancellationToken, _: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<String> {
        anyhow::bail!("this karat was built without clusters; build it with `--features cluster`, or leave cluster.nodes empty")
    }
}

#[cfg(feature = "cluster")]
mod cluster {
    use anyhow::Context as _;
    use store::{ClusterConfig, Secret};

    use super::{CancellationToken, Config, JoinSet, Store, serve};

    /// Shares queries out among the nodes, and begins to take tasks of theirs; returns where.
    pub async fn join(config: &Config, store: &Store, stop: &CancellationToken, tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<String> {
        let name = &config.cluster.secret_env;
        let text = std::env::var(name).ok().with_context(|| format!("cluster.nodes needs a secret that all nodes share; set {name}"))?;
        let secret = Secret::new(&text)?;
        let nodes = ClusterConfig { nodes: config.cluster.nodes.clone(), task_bytes: config.cluster.task_bytes };
        store.share_queries(&nodes, secret.clone())?;
        let listener = serve::bind(config.listen.cluster, "cluster").await?;
        let address = listener.local_addr()?.to_string();
        let (store, stop) = (store.clone(), stop.clone());
        tasks.spawn(async move { store.serve_tasks(listener, secret, stop).await.context("the port for tasks stopped") });
        Ok(address)
    }
}
