//! Which nodes share the work of queries.

use serde::{Deserialize, Serialize};

/// The nodes among which queries are shared out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// Addresses of all query nodes, this one among them, such as `http://10.0.0.5:4320`; empty where each node answers alone. Default empty.
    pub nodes: Vec<String>,
    /// Bytes of files that are worth a task of their own: less network against more hands. Default 16 MiB.
    pub task_bytes: usize,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self { nodes: Vec::new(), task_bytes: 16 * 1024 * 1024 }
    }
}
