//! `karat monitors`: a starting set, checks for CI, backtests, and what a person says to an alert.

mod backtest;
mod init;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use collector::Decoder;
use schema::Tenant;
use store::Store;

use crate::cli::Usage;
use crate::config::Config;
use crate::{client, clock};

/// Flags of `karat monitors`.
#[derive(Debug, Args)]
pub struct MonitorsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MonitorsCommand,
}

/// What can be done with monitors.
#[derive(Debug, Subcommand)]
pub enum MonitorsCommand {
    /// Writes a starting set of monitors for the services that are seen; files that are there stay as they are.
    Init(init::InitArgs),
    /// Names every fault of every file by line, plans each SELECT, and looks up the monitors and notifiers that it names, without data: exit 0 or 2.
    Test {
        /// Directory of the files. Default: that of the settings (`monitor.dir`), else `monitors`.
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Runs the monitors over history and tells how often they would have paged; nothing is written, nobody is told.
    Backtest(backtest::BacktestArgs),
    /// Says that you know of an alert: nobody is reminded of it any more.
    Ack(SayArgs),
    /// Keeps an alert from being told for a while; `--for 0m` ends that.
    Mute {
        /// Which, and where.
        #[command(flatten)]
        say: SayArgs,
        /// For how long, such as 30m, 4h or 2d.
        #[arg(long = "for", default_value = "4h", value_name = "TIME")]
        time: String,
    },
}

/// Which tables are read.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Data directory to read; beside a running server, what is committed. Default: that of the settings.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Tenant whose tables are read.
    #[arg(long, default_value = "default")]
    pub tenant: String,
}

/// Which alert, at which server.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// Id of the alert, as the table `alerts` has it.
    pub id: String,
    /// Address of the running server; the token is read from KARAT_TOKEN. Default: that of the settings.
    #[arg(long, env = "KARAT_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Who says so. Default: $USER.
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
}

/// Runs the command; returns the exit code.
pub async fn run(config: &Config, args: &MonitorsArgs) -> anyhow::Result<u8> {
    match &args.command {
        MonitorsCommand::Init(args) => init::run(config, args).await,
        MonitorsCommand::Test { dir } => {
            let dir = dir.as_deref().or(config.monitor.dir.as_deref()).unwrap_or(std::path::Path::new("monitors"));
            test(config, dir).await
        }
        MonitorsCommand::Backtest(args) => backtest::run(config, args).await,
        MonitorsCommand::Ack(say) => self::say(config, say, "acknowledge", serde_json::json!({})).await,
        MonitorsCommand::Mute { say, time } => self::say(config, say, "mute", serde_json::json!({"minutes": minutes(time)?})).await,
    }
}

/// Reads how long a mute lasts; `0m` ends one.
fn minutes(time: &str) -> anyhow::Result<i64> {
    if time == "0m" {
        return Ok(0);
    }
    Ok(monitor::rule::Duration::parse(time).map_err(Usage)?.seconds() / 60)
}

/// Opens tables for reading.
async fn open(config: &Config, args: &DataArgs) -> anyhow::Result<(Store, Tenant)> {
    let mut store = config.store.clone();
    if let Some(data) = &args.data {
        store.data.clone_from(data);
    }
    let decoder = Decoder::new(crate::serve::prices(config)?, config.collector.decode.clone());
    Ok((Store::open_read_only(store, Arc::new(decoder), clock::wall_clock()).await?, Tenant::new(&args.tenant)?))
}

async fn test(config: &Config, dir: &std::path::Path) -> anyhow::Result<u8> {
    // An empty store knows every column.
    let empty = std::env::temp_dir().join(format!("karat-monitors-test-{}", uuid::Uuid::now_v7()));
    let settings = store::StoreConfig { data: empty.clone(), ..store::StoreConfig::default() };
    let decoder = Decoder::new(Arc::new(collector::price::PriceTable::shipped()), collector::DecodeConfig::default());
    let store = Store::open(settings, Arc::new(decoder), clock::wall_clock()).await?;
    let examined = monitor::examine(&store, dir, &config.monitor.notify.names()).await;
    store.close().await?;
    std::fs::remove_dir_all(&empty).ok();
    let (n_files, faults) = examined?;
    let mut out = std::io::stdout().lock();
    for fault in &faults {
        writeln!(out, "{}/{fault}", dir.display())?;
    }
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    writeln!(out, "{}, {}", counted(n_files, "monitor"), counted(faults.len(), "fault"))?;
    Ok(if faults.is_empty() { 0 } else { 2 })
}

/// Tells the running server what a person says to an alert.
async fn say(config: &Config, args: &SayArgs, verb: &str, mut body: serde_json::Value) -> anyhow::Result<u8> {
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", config.listen.http));
    let actor = args.actor.clone().or_else(|| std::env::var("USER").ok()).context("say who you are with --actor")?;
    body["actor"] = actor.into();
    // `id` comes from a person; whatever is in it stays one piece of the path.
    let mut address = reqwest::Url::parse("http://server/api/v1/alerts")?;
    address.path_segments_mut().map_err(|()| anyhow::anyhow!("{} is no part of an address", args.id))?.extend([&args.id, verb]);
    client::server(&url)?.post(address.path(), &body, std::time::Duration::from_secs(30)).await?;
    writeln!(std::io::stdout().lock(), "{}: {verb} noted", args.id)?;
    Ok(0)
}
