//! `karat forget`: removes what is kept of one person or one session.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use collector::Decoder;
use schema::Tenant;
use store::{Store, Subject};

use crate::clock;
use crate::config::Config;

/// Flags of `karat forget`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("subject").required(true)))]
pub struct ForgetArgs {
    /// Data directory to remove it from; a server may run on it, and does the work then.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Tenant whose rows go.
    #[arg(long, default_value = "default")]
    pub tenant: String,
    /// The end user whose traces go.
    #[arg(long, group = "subject", value_name = "USER_ID")]
    pub user: Option<String>,
    /// The session whose traces go.
    #[arg(long, group = "subject", value_name = "SESSION_ID")]
    pub session: Option<String>,
}

/// Removes the rows, or has the running server remove them.
pub async fn run(config: &Config, args: &ForgetArgs) -> anyhow::Result<u8> {
    let tenant = Tenant::new(&args.tenant)?;
    let subject = match (&args.user, &args.session) {
        (Some(user), _) => Subject::User(user.clone()),
        (None, Some(session)) => Subject::Session(session.clone()),
        (None, None) => anyhow::bail!(crate::cli::Usage("name --user or --session".to_owned())),
    };
    let mut settings = config.store.clone();
    if let Some(data) = &args.data {
        settings.data.clone_from(data);
    }
    anyhow::ensure!(settings.data.is_dir(), store::Error::NoData { path: settings.data });
    let mut out = std::io::stdout().lock();
    // The lock tells who works on this directory; a server that answers may work on another one.
    if store::is_held(&settings.data)? {
        Store::leave_forget_request(&settings.data, &tenant, subject, clock::now())?;
        writeln!(out, "asked the running karat; it notes the removal in {}", settings.data.join("_audit.jsonl").display())?;
        return Ok(0);
    }
    let decoder = Arc::new(Decoder::new(crate::serve::prices(config)?, config.collector.decode.clone()));
    let store = Store::open(settings, decoder, clock::wall_clock()).await.context("cannot open the data directory")?;
    let gone = store.forget(&tenant, subject, clock::now()).await;
    store.close().await?;
    let gone = gone?;
    writeln!(out, "removed {} rows of {} traces from {} files", gone.rows, gone.traces, gone.files)?;
    Ok(0)
}
