//! What every query shares: memory, disk, caches, functions and settings of the engine.

use std::sync::{Arc, LazyLock};

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::config::{ConfigOptions, Dialect, SpillCompression};
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use schema::Micros;

use crate::catalog::{CATALOG, SCHEMA};
use crate::distinct::GroupDistinct;
use crate::error::Error;
use crate::functions::concat::BoundedConcat;
use crate::functions::{self};
use crate::joins::DropUnusedJoins;
use crate::query_config::QueryConfig;

/// How many consumers an error about exhausted memory names.
const TOP_CONSUMERS: usize = 3;
/// Memory that a sort keeps back to merge what it wrote to disk.
const MERGE_BYTES: usize = 10 * 1024 * 1024;

/// Makes the runtime that all queries share: bounded memory and disk, one metadata cache, and `files` alone.
pub(crate) fn runtime(config: &QueryConfig, files: Arc<dyn ObjectStore>) -> Result<Arc<RuntimeEnv>, Error> {
    let mode = match &config.spill {
        None => DiskManagerMode::OsTmpDirectory,
        Some(directory) => DiskManagerMode::Directories(vec![directory.clone()]),
    };
    let pool = TrackConsumersPool::new(FairSpillPool::new(config.memory_bytes), TOP_CONSUMERS.try_into().unwrap_or(std::num::NonZeroUsize::MIN));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(config.spill_bytes))
        .with_metadata_cache_limit(config.metadata_cache_bytes)
        .with_object_store_registry(Arc::new(DefaultObjectStoreRegistry::new()))
        .build_arc()
        .map_err(Error::engine)?;
    let _ = runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref());
    runtime.register_object_store(store_url()?.as_ref(), files);
    Ok(runtime)
}

/// The name under which the runtime knows the data directory; no SQL can spell it.
pub(crate) fn store_url() -> Result<ObjectStoreUrl, Error> {
    ObjectStoreUrl::parse("karat://data").map_err(Error::engine)
}

/// Returns a session without tables: karat's functions and settings, no files, no formats, no table factories.
pub(crate) fn base_state() -> SessionState {
    static BASE: LazyLock<SessionState> = LazyLock::new(make_base_state);
    BASE.clone()
}

fn make_base_state() -> SessionState {
    let mut state = SessionStateBuilder::new()
        .with_config(session_config())
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .with_expr_planners(expr_planners())
        .with_scalar_functions(scalar_functions())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(SessionStateDefaults::default_table_functions())
        .with_optimizer_rule(Arc::new(DropUnusedJoins))
        .with_optimizer_rule(Arc::new(GroupDistinct))
        .build();
    let json = datafusion_functions_json::register_all(&mut state);
    let own = functions::register(&mut state);
    if let Err(error) = json.and(own) {
        tracing::error!(%error, "cannot register SQL functions");
    }
    state
}

/// Lists what plans operators; the first one that knows an operator plans it.
fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let own: Arc<dyn ExprPlanner> = Arc::new(BoundedConcat);
    std::iter::once(own).chain(SessionStateDefaults::default_expr_planners()).collect()
}

/// Functions of the engine that tell where rows lie on disk, which is nobody's business.
const HIDDEN: [&str; 2] = ["input_file_name", "file_row_index"];

fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let functions = SessionStateDefaults::default_scalar_functions().into_iter();
    functions.filter(|function| !HIDDEN.contains(&function.name())).map(functions::bounded::wrap).map(functions::date_trunc::wrap).collect()
}

/// Settings that every query has; no SQL can change them.
fn session_config() -> SessionConfig {
    let mut options = ConfigOptions::new();
    options.catalog.create_default_catalog_and_schema = false;
    options.catalog.default_catalog = CATALOG.to_owned();
    options.catalog.default_schema = SCHEMA.to_owned();
    options.catalog.information_schema = false;
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.spill_compression = SpillCompression::Lz4Frame;
    SessionConfig::from(options)
}

/// Returns the state of one query: `base` with the runtime, the moment that `now()` is, and as many partitions as threads.
pub(crate) fn state_for(runtime: &Arc<RuntimeEnv>, config: &QueryConfig, now: Micros) -> SessionState {
    let base = base_state();
    let merging = MERGE_BYTES.min(config.memory_bytes / 32);
    let config = base.config().clone().with_target_partitions(config.threads()).with_sort_spill_reservation_bytes(merging);
    let mut state = SessionStateBuilder::new_from_existing(base).with_config(config).with_runtime_env(Arc::clone(runtime)).build();
    state.execution_props_mut().query_execution_start_time = Some(now.to_datetime());
    state
}
