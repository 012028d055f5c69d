//! `karat monitors backtest`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use monitor::rule::Duration;
use monitor::{Monitor, Replayed};
use schema::Micros;

use super::{DataArgs, open};
use crate::cli::Usage;
use crate::clock;
use crate::config::Config;

/// Flags of `karat monitors backtest`.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// How far back, such as 30d.
    #[arg(long, default_value = "30d", value_name = "TIME")]
    pub last: String,
    /// Only these monitors; all where none is named.
    #[arg(value_name = "MONITOR")]
    pub monitors: Vec<String>,
    /// Directory with monitors of your own, besides that of the settings.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Also measures the false-alarm rate: over so many histories in which nothing changed, drawn from the days of the real one.
    #[arg(long, value_name = "HISTORIES", num_args = 0..=1, default_missing_value = "20", default_value_t = 0, hide_default_value = true)]
    pub simulate_null: usize,
    /// File for the picture.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Which tables.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Runs the backtest, prints one line a monitor, and draws the picture.
pub(super) async fn run(config: &Config, args: &BacktestArgs) -> anyhow::Result<u8> {
    let last = Duration::parse(&args.last).map_err(Usage)?;
    let mut settings = config.monitor.clone();
    if let Some(dir) = &args.dir {
        settings.dir = Some(dir.clone());
    }
    let monitors = picked(settings.monitors()?, &args.monitors)?;
    let (store, tenant) = open(config, &args.data).await?;
    let to = clock::now();
    let from = Micros(to.0 - last.0);
    let all = monitor::backtest(&store, &tenant, &monitors, from, to, args.simulate_null).await?;
    print(&all, last)?;
    if let Some(file) = &args.html {
        std::fs::write(file, monitor::html(&all, from, to)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(0)
}

fn picked(monitors: Vec<Monitor>, names: &[String]) -> anyhow::Result<Vec<Monitor>> {
    if let Some(unknown) = names.iter().find(|name| !monitors.iter().any(|monitor| monitor.rule.name == **name)) {
        let known: Vec<&str> = monitors.iter().map(|monitor| monitor.rule.name.as_str()).collect();
        anyhow::bail!(Usage(format!("there is no monitor {unknown}; there are {}", known.join(", "))));
    }
    Ok(monitors.into_iter().filter(|monitor| names.is_empty() || names.contains(&monitor.rule.name)).collect())
}

fn print(all: &[Replayed], last: Duration) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let weeks = last.0 as f64 / Duration::WEEK.0 as f64;
    for replayed in all {
        let rule = &replayed.monitor.rule;
        if let Some(error) = &replayed.error {
            writeln!(out, "{:16} ERROR {error}", rule.name)?;
            continue;
        }
        let looks = replayed.written.states.iter().filter(|row| row.slice.is_empty());
        let (n_looks, n_blind) = looks.fold((0, 0), |(n, blind), row| (n + 1, blind + usize::from(row.state == "NO_DATA")));
        let n_fired = replayed.fired().count();
        write!(
            out,
            "{:16} {:6} {n_fired} alerts in {n_looks} looks ({:.2} a week), {n_blind} looks without data",
            rule.name,
            rule.severity.name(),
            n_fired as f64 / weeks
        )?;
        if let Some(null) = &replayed.null {
            let (n, of) = (null.n_alarmed, null.n_histories);
            write!(out, "; where nothing changed: {:.3} false alerts a week, in {n} of {of} histories", null.per_week())?;
        }
        writeln!(out)?;
        for alert in replayed.fired() {
            writeln!(out, "    {} {}", alert.time.to_datetime().format("%Y-%m-%d %H:%M"), alert.summary)?;
        }
    }
    let n_pages: usize = all.iter().filter(|replayed| replayed.monitor.rule.severity.name() == "page").map(|replayed| replayed.fired().count()).sum();
    writeln!(out, "{n_pages} pages in {last}")?;
    Ok(())
}
