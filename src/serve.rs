//! Starts the parts, loops the stages, and stops in reverse.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use collector::kafka::KafkaHealth;
use collector::{Decoder, Sink, price::PriceTable};
use evaluator::online::Progress;
use monitor::{Monitor, Roster};
use schema::{Micros, MonitorState, Tenant};
use serde::Serialize;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::{Config, Listen, Role};
use crate::metrics::Metrics;
use crate::ready::{self, Readiness};
use crate::runs;
use crate::telemetry::Telemetry;

/// A server that runs: its store, its addresses, and what it takes to stop it.
pub struct Running {
    /// The tables.
    pub store: Store,
    /// Where it listens, after port 0 was resolved.
    pub addresses: Addresses,
    config: Config,
    telemetry: Option<Arc<Telemetry>>,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

/// The bound addresses, which the ready line on stdout names.
#[derive(Debug, Clone, Serialize)]
pub struct Addresses {
    /// OTLP over gRPC.
    pub otlp_grpc: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
    /// Dashboard and API.
    pub http: String,
}

/// Runs the server until SIGINT or SIGTERM.
pub async fn run(config: Config) -> anyhow::Result<()> {
    match config.role {
        Role::Gateway => return crate::gateway::run(config).await,
        Role::Query => return crate::query_node::run(config).await,
        Role::All | Role::Ingester => {}
    }
    let mut running = start(config).await?;
    running.start_stages()?;
    // Whoever reads the line may ask for a stop at once.
    let told_to_stop = told_to_stop();
    print_ready(&running.addresses)?;
    running.until(told_to_stop).await
}

/// Opens the store and starts the three servers; the stages are not looped yet.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let keys = Arc::new(config.keys(|name| std::env::var(name).ok())?);
    let prices = prices(&config)?;
    let listen = &config.listen;
    let Ports { grpc, otlp, http } = Ports::bind(listen).await?;
    let addresses = Addresses::of(&grpc, &otlp, &http)?;

    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let readiness = Arc::new(Readiness::of(config.role));
    tasks.spawn({
        let (router, stop) = (ready::router(Arc::clone(&readiness)), stop.clone());
        async move {
            let server = axum::serve(http, router.into_make_service()).with_graceful_shutdown(stop.cancelled_owned());
            server.await.context("the dashboard stopped")
        }
    });

    // The decoder prices spans as they land; the store calls it again for what a crash left in the log.
    let decoder = Arc::new(Decoder::new(prices, config.collector.decode.clone()));
    let opening = Store::open_reporting(config.store.clone(), Arc::clone(&decoder) as _, clock::wall_clock(), readiness.replay.clone());
    let store = collector::refuse_during(&config.collector, &grpc, &otlp, opening).await?;
    let metrics = Metrics::of_store(store.clone(), Arc::clone(&keys), clock::wall_clock());
    let metrics = if config.role == Role::Ingester { metrics.with_kafka(readiness.kafka.clone()) } else { metrics };
    let runs = runs::router(store.clone(), Arc::clone(&keys), clock::wall_clock(), config.dashboard.run_bytes_max);
    let pages = dashboard::router(config.dashboard.clone(), store.clone(), Arc::clone(&keys), clock::wall_clock(), runs);
    readiness.opened(store.clone(), pages, metrics);
    tasks.spawn({
        let (config, store, stop) = (config.collector.clone(), Sink::Store(store.clone()), stop.clone());
        let decoder = Arc::clone(&decoder);
        async move { collector::serve(config, store, decoder, keys, clock::wall_clock(), grpc, otlp, stop).await.context("the collector stopped") }
    });
    if config.role == Role::Ingester {
        ingest(&config, &store, decoder, &readiness.kafka, &stop, &mut tasks)?;
    }
    let telemetry = Telemetry::new(&config.telemetry, |name| std::env::var(name).ok())?.map(Arc::new);
    Ok(Running { store, addresses, config, telemetry, stop, tasks })
}

/// Begins to read Kafka into the tables.
#[cfg(feature = "kafka")]
fn ingest(
    config: &Config,
    store: &Store,
    decoder: Arc<Decoder>,
    health: &KafkaHealth,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let password = config.kafka_password(|name| std::env::var(name).ok());
    let (kafka, bytes_max) = (config.kafka.clone(), config.collector.request_memory_bytes_max);
    let (store, health, stop) = (store.clone(), health.clone(), stop.clone());
    tasks.spawn(async move {
        let reading = collector::kafka::ingest(kafka, password, bytes_max, store, decoder, clock::wall_clock(), health, stop);
        reading.await.context("the reading of Kafka stopped")
    });
    Ok(())
}

/// Says that this build cannot.
#[cfg(not(feature = "kafka"))]
#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the same signature as of a build with Kafka")]
fn ingest(_: &Config, _: &Store, _: Arc<Decoder>, _: &KafkaHealth, _: &CancellationToken, _: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    anyhow::bail!("{}", crate::gateway::WITHOUT_KAFKA)
}

/// Reads the price table: the shipped one, and over it the user's, where karat.toml names one.
pub fn prices(config: &Config) -> anyhow::Result<Arc<PriceTable>> {
    let file = &config.prices;
    if file.as_os_str().is_empty() {
        return Ok(Arc::new(PriceTable::shipped()));
    }
    let table = PriceTable::load(file).with_context(|| format!("cannot read the prices in {}", file.display()))?;
    if let Some(first) = table.skipped().first() {
        tracing::warn!(file = %file.display(), n_models = table.skipped().len(), first, "some prices cannot be read; calls of these models stay unpriced");
    }
    Ok(Arc::new(table))
}

/// The three ports, bound and not served yet.
pub(crate) struct Ports {
    /// OTLP over gRPC.
    pub grpc: TcpListener,
    /// OTLP over HTTP.
    pub otlp: TcpListener,
    /// Dashboard and API.
    pub http: TcpListener,
}

impl Ports {
    /// Takes the ports of the settings.
    pub(crate) async fn bind(listen: &Listen) -> anyhow::Result<Self> {
        let grpc = bind(listen.otlp_grpc, "otlp_grpc").await?;
        let otlp = bind(listen.otlp_http, "otlp_http").await?;
        Ok(Self { grpc, otlp, http: bind(listen.http, "http").await? })
    }
}

impl Addresses {
    pub(crate) fn of(grpc: &TcpListener, otlp: &TcpListener, http: &TcpListener) -> anyhow::Result<Self> {
        let address = |port: &TcpListener| port.local_addr().map(|address| address.to_string());
        Ok(Self { otlp_grpc: address(grpc)?, otlp_http: address(otlp)?, http: address(http)? })
    }
}

pub(crate) async fn bind(address: std::net::SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let flag = key.replace('_', "-");
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} ({key}); is another karat running? --{flag} takes another address"))
}

/// Prints one JSON line with the bound addresses, for people and programs that wait for it.
pub(crate) fn print_ready(addresses: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_value(addresses)?;
    line["ready"] = true.into();
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(())
}

impl Running {
    /// Starts the loops that score landing spans and look at the monitors.
    pub fn start_stages(&mut self) -> anyhow::Result<()> {
        let notifiers = Arc::new(self.config.monitor.notifiers(&[], |name| std::env::var(name).ok())?);
        let roster = Arc::new(Mutex::new(Roster::open(&self.config.monitor, &notifiers)));
        let stages = &self.config.stages;
        let (score_every_s, inspect_every_s) = (stages.score_every_s, stages.inspect_every_s);
        let (store, rules, progress) = (self.store.clone(), self.config.evaluator.rules.clone(), Arc::new(Progress::default()));
        self.spawn_stage(score_every_s, "scoring", move |tenant| {
            let (store, rules, progress) = (store.clone(), rules.clone(), Arc::clone(&progress));
            async move {
                if let Some(trouble) = store.trouble() {
                    // What comes in goes first; the mark stays where it is, so nothing is left out.
                    tracing::debug!(%tenant, trouble, "scoring waits");
                    return Ok(());
                }
                evaluator::online::score_on(&store, &tenant, &rules, &progress, clock::now()).await?;
                Ok(())
            }
        });
        let store = self.store.clone();
        self.spawn_stage(inspect_every_s, "monitoring", move |tenant| {
            let (store, roster, notifiers, now) = (store.clone(), Arc::clone(&roster), Arc::clone(&notifiers), clock::now());
            async move {
                let (monitors, news) = called(&roster, &tenant, now);
                if !news.is_empty() {
                    store.append(&tenant, &news, now).await?;
                }
                monitor::inspect(&store, &tenant, &monitors, &notifiers, now).await?;
                Ok(())
            }
        });
        Ok(())
    }

    /// Runs `stage` for every tenant, every `every_s` seconds, until the server stops. A failure is logged and tried again.
    fn spawn_stage<F, R>(&mut self, every_s: u64, name: &'static str, stage: F)
    where
        F: Fn(Tenant) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send,
    {
        if every_s == 0 {
            return;
        }
        let (store, stop, telemetry) = (self.store.clone(), self.stop.clone(), self.telemetry.clone());
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(every_s));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                for tenant in store.tenants() {
                    let begin = std::time::SystemTime::now();
                    let outcome = tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        outcome = stage(tenant.clone()) => outcome,
                    };
                    let error = outcome.err().map(|error| format!("{error:#}"));
                    if let Some(error) = &error {
                        tracing::warn!(%tenant, error, "{name} failed; it is tried again at the next pass");
                    }
                    if let Some(telemetry) = telemetry.as_deref() {
                        telemetry.pass(name, &tenant, begin, error).await;
                    }
                }
            }
        });
    }

    /// Waits for SIGINT or SIGTERM, or for a server to fail, and then stops everything.
    pub async fn until_signal(self) -> anyhow::Result<()> {
        self.until(told_to_stop()).await
    }

    async fn until(mut self, told_to_stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = told_to_stop => None,
            Some(ended) = self.tasks.join_next() => Some(ended),
        };
        self.stop().await?;
        match failed {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(anyhow::Error::new(error).context("a part of the server panicked")),
            _ => Ok(()),
        }
    }

    /// Stops the servers and the stages, commits what is held, and releases the data directory.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        tracing::info!("stopping: what is held is committed first");
        self.stop.cancel();
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(10), drained).await.is_err() {
            self.tasks.abort_all();
        }
        self.store.close().await.context("cannot close the store")
    }
}

/// Reads the monitors' files again; returns the monitors, and what a tenant is to be told of the files.
fn called(roster: &Mutex<Roster>, tenant: &Tenant, now: Micros) -> (Vec<Monitor>, Vec<MonitorState>) {
    let mut roster = roster.lock().unwrap_or_else(PoisonError::into_inner);
    roster.refresh();
    (roster.monitors().to_vec(), roster.news(tenant, now))
}

/// Listens for SIGINT and SIGTERM from now on, and ends with the first of them.
pub(crate) fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
