//! `karat demo`: the product on sample data. A server is started as `karat serve` would, four weeks of traffic go in through its
//! own OTLP port, the scorers and the monitors walk over them, and the dashboard's address is printed.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use evaluator::online::Rules;
use schema::{Micros, Tenant};
use store::{QueryOptions, Store};

use super::{BadDay, Plan, QUERIES, send};
use crate::cli::{ServeArgs, Usage};
use crate::clock;
use crate::config::Config;
use crate::serve::{self, Running};

const DAY: i64 = 86_400_000_000;
/// Marks a directory that the demo made, and may therefore empty.
const MARKER: &str = ".karat-demo";

/// Flags of `karat demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Addresses, and the directory of the sample data; `karat-demo` where none is given, emptied at each start.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Seed of the traffic: the same seed sends the same spans.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Days of traffic, up to now.
    #[arg(long, default_value_t = 28)]
    pub days: u32,
    /// What goes wrong on the bad day.
    #[arg(long, value_enum, default_value_t = BadDay::Groundedness)]
    pub bad_day: BadDay,
    /// Ends when everything is set up, with one JSON line of what was found, instead of serving on.
    #[arg(long)]
    pub exit: bool,
}

/// Sets the demo up, and serves until a signal.
pub async fn run(mut config: Config, args: &DemoArgs) -> anyhow::Result<u8> {
    let begin = Instant::now();
    args.serve.apply(&mut config);
    if args.serve.data.is_none() {
        config.store.data = PathBuf::from("karat-demo");
    }
    empty(config.data())?;

    let mut out = Progress::new(args.exit);
    let monitors = config.monitor.monitors()?;
    let notifiers = config.monitor.notifiers(&monitors, |name| std::env::var(name).ok())?;
    // Everything is there before the first score: there is nothing to wait for.
    let rules = Rules { settle_s: 0, ..config.evaluator.rules.clone() };
    let mut running = serve::start(config).await?;
    let now = clock::now();
    let plan = Plan::new(args.seed, now, args.days, args.bad_day);

    let endpoint = format!("http://{}", running.addresses.otlp_grpc);
    let sent = send(&plan, &endpoint, |sent, total| out.step("sending spans over OTLP/gRPC", sent, total)).await?;
    out.done(&format!("sent {} spans of {} traces over OTLP/gRPC", sent.n_spans, sent.n_traces));
    running.store.settle().await?;

    let tenant = Tenant::default();
    let n_calls = count(&running.store, &tenant, "select count(*) as n from llm_calls").await?;
    let (mut n_scored, mut n_passed) = (0, 0);
    loop {
        let scored = evaluator::online::score_new(&running.store, &tenant, &rules, clock::now()).await?;
        if scored.n_scores == 0 {
            break;
        }
        n_scored += scored.n_scores;
        n_passed += scored.n_targets as u64;
        out.step("scoring answers", n_passed.min(n_calls), n_calls);
    }
    out.done(&format!("gave {n_scored} scores to {n_calls} model calls"));
    running.store.flush().await?;

    let from = Micros(now.0 - i64::from(args.days) * DAY);
    let walked = monitor::walk(&running.store, &tenant, &monitors, &notifiers, from, now).await?;
    let fired: Vec<_> = walked.transitions.iter().filter(|transition| transition.state == "firing").collect();
    out.done(&format!(
        "{} monitors looked {} times, each at its own moment of those weeks, and raised {}",
        monitors.len(),
        walked.states.len(),
        alerts(fired.len())
    ));
    running.store.flush().await?;

    if args.exit {
        let summary = serde_json::json!({
            "n_spans": sent.n_spans, "n_llm_calls": n_calls, "n_scores": n_scored, "n_alerts": fired.len(), "seconds": begin.elapsed().as_secs_f64(),
            "planted": plan.planted(), "alerts": fired.iter().map(|alert| (&alert.monitor, alert.time.to_datetime(), &alert.cause)).collect::<Vec<_>>(),
        });
        writeln!(std::io::stdout().lock(), "{summary}")?;
        running.stop().await?;
        return Ok(0);
    }
    running.start_stages()?;
    introduce(&running, begin)?;
    running.until_signal().await?;
    Ok(0)
}

fn alerts(n: usize) -> String {
    if n == 1 { "1 alert".to_owned() } else { format!("{n} alerts") }
}

async fn count(store: &Store, tenant: &Tenant, sql: &str) -> anyhow::Result<u64> {
    #[derive(serde::Deserialize)]
    struct Count {
        n: u64,
    }
    let answer = store.query(tenant, sql, &QueryOptions::default()).await?;
    Ok(answer.rows::<Count>()?.first().map_or(0, |count| count.n))
}

/// Empties the demo's directory; a directory that the demo did not make is left alone.
fn empty(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        let ours = dir.join(MARKER).exists();
        anyhow::ensure!(ours, Usage(format!("{} is not empty and was not made by the demo; give another directory with --data", dir.display())));
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join(MARKER), "made by karat demo, which empties this directory at each start\n")?;
    Ok(())
}

/// Says where to look, and what to ask.
fn introduce(running: &Running, begin: Instant) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let addresses = &running.addresses;
    writeln!(out, "\nkarat is ready after {:.1} s: http://{}\n", begin.elapsed().as_secs_f64(), addresses.http)?;
    writeln!(
        out,
        "  send it your own spans: OTEL_EXPORTER_OTLP_ENDPOINT=http://{} (gRPC) or http://{} (HTTP)",
        addresses.otlp_grpc, addresses.otlp_http
    )?;
    writeln!(out, "  three questions to ask, in a second terminal:\n")?;
    for (title, sql) in QUERIES {
        writeln!(out, "  # {title}\n  karat sql --url http://{} \"{sql}\"\n", addresses.http)?;
    }
    writeln!(out, "  (without karat on the PATH: cargo run --release -- sql ...)   Ctrl-C ends the demo.")?;
    out.flush()?;
    Ok(())
}

/// A line that is redrawn on a terminal, and now and then a plain one elsewhere.
struct Progress {
    terminal: bool,
    quiet: bool,
    last_percent: u64,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        Self { terminal: std::io::stderr().is_terminal(), quiet, last_percent: 0 }
    }

    fn step(&mut self, what: &str, done: u64, total: u64) {
        let percent = done * 100 / total.max(1);
        let moved = percent >= self.last_percent + if self.terminal { 1 } else { 25 } || percent < self.last_percent;
        if self.quiet || !moved {
            return;
        }
        self.last_percent = percent;
        let mut err = std::io::stderr().lock();
        let _ = if self.terminal {
            let filled = usize::try_from(percent / 4).unwrap_or(25);
            write!(err, "\r\x1b[2K  {what} [{}{}] {percent} %", "=".repeat(filled), " ".repeat(25 - filled.min(25)))
        } else {
            writeln!(err, "  {what}: {percent} %")
        };
        let _ = err.flush();
    }

    fn done(&mut self, what: &str) {
        self.last_percent = 0;
        if self.quiet {
            return;
        }
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "{clear}  {what}");
    }
}
