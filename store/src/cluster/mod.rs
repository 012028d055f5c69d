//! Several query nodes that share the work of one query: each reads a part of the files, and they exchange rows over gRPC.
//!
//! The node that is asked plans the query as ever, over its own list of files; [`datafusion_distributed`] cuts the plan into stages and the
//! stages into tasks. A task names its files and its functions, so that any node can run it: all nodes read the same tables.

mod secret;
mod worker;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion_distributed::{DistributedExt, SessionStateBuilderExt, WorkerResolver};
use url::Url;

use crate::cluster_config::ClusterConfig;
use crate::error::Error;
use crate::store::Store;

pub use secret::Secret;

impl Store {
    /// Shares the queries of this store out among the nodes of `config` from now on.
    ///
    /// # Errors
    ///
    /// Fails where a node's address is none, and where a query has already run alone.
    pub fn share_queries(&self, config: &ClusterConfig, secret: Secret) -> Result<(), Error> {
        let nodes =
            config.nodes.iter().map(|node| Url::parse(node).map_err(|error| Error::Cluster { reason: format!("nodes: {node} is no URL: {error}") }));
        let cluster = Cluster { nodes: nodes.collect::<Result<_, _>>()?, task_bytes: config.task_bytes, secret };
        let share = Arc::new(move |state| cluster.share(state));
        self.inner.share.set(share).map_err(|_| Error::Cluster { reason: "queries are shared out already".to_owned() })
    }
}

/// How queries of this node are shared out.
struct Cluster {
    nodes: Vec<Url>,
    task_bytes: usize,
    secret: Secret,
}

impl Cluster {
    /// Makes the queries of `state` run on all nodes.
    fn share(&self, state: SessionState) -> Result<SessionState, Error> {
        let builder = SessionStateBuilder::new_from_existing(state).with_distributed_planner();
        let builder = builder
            .with_distributed_worker_resolver(Nodes(self.nodes.clone()))
            .with_distributed_file_scan_config_bytes_per_partition(self.task_bytes)
            .and_then(|builder| builder.with_distributed_passthrough_headers(self.secret.headers()))
            .map_err(Error::engine)?;
        Ok(builder.build())
    }
}

/// A fixed list of nodes.
struct Nodes(Vec<Url>);

#[async_trait]
impl WorkerResolver for Nodes {
    fn get_urls(&self) -> Result<Vec<Url>, DataFusionError> {
        Ok(self.0.clone())
    }
}
