//! What every request handler is given.

use std::sync::Arc;

use schema::{Clock, Keys, Micros, Tenant};
use serde::de::DeserializeOwned;
use store::{Answer, Param, QueryOptions, Store};

use crate::config::DashboardConfig;
use crate::error::Error;
use crate::logins::Logins;

/// The parts that handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    /// Settings.
    pub config: Arc<DashboardConfig>,
    /// The tables.
    pub store: Store,
    /// Accepted tokens.
    pub keys: Arc<Keys>,
    /// Browsers that are logged in.
    pub logins: Arc<Logins>,
    /// The time.
    pub clock: Clock,
}

impl App {
    /// Brings the parts together.
    pub(crate) fn new(config: DashboardConfig, store: Store, keys: Arc<Keys>, clock: Clock) -> Self {
        let logins = Arc::new(Logins::new(config.logins_max, config.login_us()));
        Self { config: Arc::new(config), store, keys, logins, clock }
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> Micros {
        (self.clock)()
    }

    /// Opens the tables of one tenant for the queries behind pages.
    pub(crate) fn reader(&self, tenant: Tenant) -> Reader {
        Reader { app: self.clone(), tenant }
    }
}

/// Runs the queries of `queries/*.sql` for one tenant.
#[derive(Clone)]
pub(crate) struct Reader {
    /// The shared parts.
    pub app: App,
    /// Whose tables are read.
    pub tenant: Tenant,
}

impl Reader {
    /// Runs a query and reads its rows.
    pub(crate) async fn rows<T: DeserializeOwned>(&self, sql: &str, params: Params, rows_max: usize) -> Result<Vec<T>, Error> {
        let options = params.options(rows_max, self.app.config.page_timeout());
        let answer = run(&self.app.store, &self.tenant, sql, &options).await?;
        answer.rows().map_err(Error::Store)
    }

    /// Runs a query that gives at most one row that matters.
    pub(crate) async fn first<T: DeserializeOwned>(&self, sql: &str, params: Params) -> Result<Option<T>, Error> {
        Ok(self.rows(sql, params, 1).await?.into_iter().next())
    }
}

/// Runs a query to its deadline.
pub(crate) async fn run(store: &Store, tenant: &Tenant, sql: &str, options: &QueryOptions) -> Result<Answer, Error> {
    // the store keeps the deadline; the second here only guards against one that waits without end
    let patience = options.deadline + std::time::Duration::from_secs(1);
    match tokio::time::timeout(patience, store.query(tenant, sql, options)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(store::Error::Deadline { .. })) | Err(_) => Err(Error::Deadline { timeout_ms: options.deadline.as_millis() }),
        Ok(Err(error)) => Err(Error::Store(error)),
    }
}

/// Named parameters of a query, in the order in which they are added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, Param)>);

impl Params {
    /// Begins with no parameters.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Completes them to what a query is run with.
    pub(crate) fn options(self, max_rows: usize, deadline: std::time::Duration) -> QueryOptions {
        QueryOptions { params: self.0, max_rows, deadline }
    }

    /// Adds a text.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), Param::Text(value.to_owned())));
        self
    }

    /// Adds a text, or a null that switches its condition off.
    pub(crate) fn maybe(mut self, name: &str, value: Option<&str>) -> Self {
        self.0.push((name.to_owned(), value.map_or(Param::Null, |value| Param::Text(value.to_owned()))));
        self
    }

    /// Adds a truth value, or a null that switches its condition off.
    pub(crate) fn maybe_bool(mut self, name: &str, value: Option<bool>) -> Self {
        self.0.push((name.to_owned(), value.map_or(Param::Null, Param::Bool)));
        self
    }

    /// Adds an integer.
    pub(crate) fn int(mut self, name: &str, value: i64) -> Self {
        self.0.push((name.to_owned(), Param::Int(value)));
        self
    }

    /// Adds a moment.
    pub(crate) fn time(mut self, name: &str, value: Micros) -> Self {
        self.0.push((name.to_owned(), Param::Time(value)));
        self
    }

    /// Adds a moment, or a null that switches its condition off.
    pub(crate) fn maybe_time(mut self, name: &str, value: Option<Micros>) -> Self {
        self.0.push((name.to_owned(), value.map_or(Param::Null, Param::Time)));
        self
    }
}
