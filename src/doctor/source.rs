//! Where a doctor's figures come from: a running server, or its data directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::Decoder;
use schema::{Table, Tenant};
use serde::Deserialize;
use store::{Answer, QueryOptions, Status, Store, StreamPosition};

use super::DoctorArgs;
use super::kafka::Standing;
use crate::cli::Usage;
use crate::config::Config;
use crate::{client, clock};

/// What can be asked.
pub enum Source {
    /// A server.
    Server {
        /// Its address.
        url: String,
        /// The tenant whose rows are wanted, if somebody said so.
        wanted: Option<Tenant>,
    },
    /// A data directory, opened to read.
    Directory(Box<Store>, Tenant),
}

/// How the store stands, for a tenant.
pub struct Look {
    /// Whose tables are told, and whose rows queries see.
    pub tenant: Tenant,
    /// The figures.
    pub store: Status,
}

/// The part of the server's answer that matters here.
#[derive(Deserialize)]
struct StatusAnswer {
    tenant: String,
    store: Status,
}

impl Source {
    /// Takes what the flags name, else a server of these settings, else their data directory.
    pub async fn find(config: &Config, args: &DoctorArgs) -> anyhow::Result<Source> {
        let url = match (&args.url, &args.data) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(_)) => None,
            (None, None) => client::running_server(config).await,
        };
        let wanted = args.tenant.as_deref().map(Tenant::new).transpose()?;
        match url {
            Some(url) => Ok(Source::Server { url, wanted }),
            None => Ok(Source::Directory(Box::new(open(config, args).await?), wanted.unwrap_or_default())),
        }
    }

    /// Returns what a server is for; a directory at rest stands for itself.
    pub async fn standing(&self) -> anyhow::Result<Standing> {
        match self {
            Source::Server { url, .. } => client::ready(url).await?.json().await.with_context(|| format!("{url} is no karat of this version")),
            Source::Directory(..) => Ok(Standing::default()),
        }
    }

    /// Returns how the store stands; a server says by the token whose rows it shows.
    pub async fn look(&self) -> anyhow::Result<Look> {
        match self {
            Source::Server { url, wanted } => {
                let response = client::server(url)?.get("/api/v1/status").await?;
                let StatusAnswer { tenant, store } = response.json().await.with_context(|| format!("{url} is no karat of this version"))?;
                let tenant = Tenant::new(&tenant)?;
                if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != tenant) {
                    let text = format!("{url} shows the rows of tenant {tenant}, not of {wanted}; put a token of {wanted} into KARAT_TOKEN");
                    return Err(Usage(text).into());
                }
                Ok(Look { tenant, store })
            }
            Source::Directory(store, tenant) => Ok(Look { tenant: tenant.clone(), store: store.status() }),
        }
    }

    /// Asks a query.
    pub async fn ask(&self, sql: &str) -> anyhow::Result<Answer> {
        let deadline = Duration::from_secs(60);
        match self {
            Source::Server { url, .. } => client::ask(url, sql, 10_000, deadline).await,
            Source::Directory(store, tenant) => Ok(store.query(tenant, sql, &QueryOptions { deadline, ..store.query_options() }).await?),
        }
    }

    /// Counts the rows of every table as queries see them.
    pub async fn counts(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let parts = Table::ALL.iter().map(|table| format!("select '{0}' as name, count(*) as n from {0}", table.name()));
        let answer = self.ask(&parts.collect::<Vec<_>>().join(" union all ")).await?;
        Ok(answer.rows::<(String, i64)>()?.into_iter().map(|(name, n)| (name, n.unsigned_abs())).collect())
    }

    /// Returns how far the tables have come in Kafka; a server that reads it tells of its partitions by itself.
    pub async fn positions(&self) -> anyhow::Result<Vec<StreamPosition>> {
        match self {
            Source::Server { .. } => Ok(Vec::new()),
            Source::Directory(store, _) => Ok(store.positions("kafka:").await?),
        }
    }
}

/// Opens the data directory to read.
pub async fn open(config: &Config, args: &DoctorArgs) -> anyhow::Result<Store> {
    let mut config = config.clone();
    if let Some(data) = &args.data {
        config.store.data.clone_from(data);
    }
    let decoder = Arc::new(Decoder::new(crate::serve::prices(&config)?, config.collector.decode.clone()));
    let store = Store::open_read_only(config.store.clone(), decoder, clock::wall_clock()).await;
    let asked = if args.data.is_some() { String::new() } else { format!("no server answers on {}, and ", config.listen.http) };
    store.with_context(|| format!("{asked}the data directory cannot be read"))
}
