//! Where the command line has runs kept.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector::Decoder;
use evaluator::{Archive, RunRecord, Server};
use schema::Tenant;
use store::Store;

use super::{EvalArgs, TablesArgs};
use crate::cli::Usage;
use crate::config::Config;
use crate::{client, clock};

/// Exit code where a server does not take a run.
const REFUSED: u8 = 3;

/// Where runs are kept.
pub(super) enum Place {
    Nowhere,
    Tables(Box<Store>, Tenant),
    Server(Server),
}

impl Place {
    /// Opens what the flags name.
    pub(super) async fn find(config: &Config, args: &EvalArgs) -> anyhow::Result<Self> {
        Self::of(config, args.push.as_ref(), args.data.as_deref(), &args.tenant).await
    }

    /// The same for tables that are only read.
    pub(super) async fn of_tables(config: &Config, args: &TablesArgs) -> anyhow::Result<Self> {
        Self::of(config, args.url.as_ref(), args.data.as_deref(), &args.tenant).await
    }

    async fn of(config: &Config, server_at: Option<&Option<String>>, data: Option<&Path>, tenant: &str) -> anyhow::Result<Self> {
        if let Some(url) = server_at {
            return Ok(Place::Server(server(config, url.as_deref())?));
        }
        let Some(data) = data else { return Ok(Place::Nowhere) };
        let mut config = config.clone();
        config.store.data = data.to_owned();
        let decoder = Arc::new(Decoder::new(crate::serve::prices(&config)?, config.collector.decode.clone()));
        let store = Store::open(config.store.clone(), decoder, clock::wall_clock()).await?;
        Ok(Place::Tables(Box::new(store), Tenant::new(tenant)?))
    }

    /// Hands it to a run.
    pub(super) fn open(&self) -> Archive<'_> {
        match self {
            Place::Nowhere => Archive::Nowhere,
            Place::Tables(store, tenant) => Archive::Tables(store, tenant),
            Place::Server(server) => Archive::Server(server),
        }
    }

    /// Commits what was kept.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Place::Tables(store, _) = self {
            store.close().await?;
        }
        Ok(())
    }
}

/// The server of an address, else that of the settings.
fn server(config: &Config, url: Option<&str>) -> anyhow::Result<Server> {
    match url {
        Some(url) => client::server(url),
        None => client::server(&format!("http://{}", config.listen.http)),
    }
}

/// Sends runs that were made before, and returns the exit code.
pub(super) async fn push(config: &Config, reports: &[PathBuf], to: Option<&str>) -> anyhow::Result<u8> {
    let server = server(config, to)?;
    let mut code = 0;
    for path in reports {
        let record = RunRecord::read(path).map_err(|error| Usage(error.to_string()))?;
        match Archive::Server(&server).keep(&record, clock::now()).await {
            Ok(kept) => {
                let what = if kept.kept { "is kept" } else { "was there already" };
                writeln!(std::io::stdout().lock(), "run {} {what} at {}", kept.id, server.url())?;
            }
            Err(error) => {
                writeln!(std::io::stderr().lock(), "error: {}: {error}", path.display())?;
                code = REFUSED;
            }
        }
    }
    Ok(code)
}
