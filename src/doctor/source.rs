//! Where a doctor's figures come from: a running server, or its data directory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::Decoder;
use schema::{Table, Tenant};
use serde::Deserialize;
use store::{Answer, QueryOptions, Status, Store};

use super::DoctorArgs;
use super::kafka::Standing;
use crate::config::Config;
use crate::{client, clock};

/// What can be asked.
pub enum Source {
    /// A server, by its address.
    Server(String),
    /// A data directory, opened to read.
    Directory(Store),
}

/// The part of the server's answer that matters here.
#[derive(Deserialize)]
struct StatusAnswer {
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
        match url {
            Some(url) => Ok(Source::Server(url)),
            None => Ok(Source::Directory(open(config, args).await?)),
        }
    }

    /// Returns what a server is for; a directory at rest stands for itself.
    pub async fn standing(&self) -> anyhow::Result<Standing> {
        match self {
            Source::Server(url) => client::ready(url).await?.json().await.with_context(|| format!("{url} is no karat of this version")),
            Source::Directory(_) => Ok(Standing::default()),
        }
    }

    /// Returns how the store stands.
    pub async fn status(&self) -> anyhow::Result<Status> {
        match self {
            Source::Server(url) => {
                let response = client::server(url)?.get("/api/v1/status").await?;
                let answer: StatusAnswer = response.json().await.with_context(|| format!("{url} is no karat of this version"))?;
                Ok(answer.store)
            }
            Source::Directory(store) => Ok(store.status()),
        }
    }

    /// Asks a query.
    pub async fn ask(&self, tenant: &str, sql: &str) -> anyhow::Result<Answer> {
        let deadline = Duration::from_secs(60);
        match self {
            Source::Server(url) => client::ask(url, sql, 10_000, deadline).await,
            Source::Directory(store) => Ok(store.query(&Tenant::new(tenant)?, sql, &QueryOptions { deadline, ..store.query_options() }).await?),
        }
    }

    /// Counts the rows of every table as queries see them.
    pub async fn counts(&self, tenant: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let parts = Table::ALL.iter().map(|table| format!("select '{0}' as name, count(*) as n from {0}", table.name()));
        let answer = self.ask(tenant, &parts.collect::<Vec<_>>().join(" union all ")).await?;
        Ok(answer.rows::<(String, i64)>()?.into_iter().map(|(name, n)| (name, n.unsigned_abs())).collect())
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
    store.with_context(|| format!("no server answers on {}, and the data directory cannot be read", config.listen.http))
}
