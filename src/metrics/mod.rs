//! `GET /metrics`: karat's own health and the latest value of every monitor, for Prometheus.
//!
//! The text is made anew at each scrape, from what the store and Kafka's client count, and from one query a table; a table that cannot be read
//! in time is missing from it, and `karat_scrape_part_success` says so. Where the server has keys, the bearer token says whose monitors and
//! tables are shown; the counters of the process are everybody's.

mod kafka;
mod page;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use collector::kafka::KafkaHealth;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use schema::{Clock, Keys, Micros, Tenant};
use serde::Deserialize;
use store::{Param, QueryOptions, Status, Store};

use self::page::{Page, labels};

/// How far back the last look of a monitor is searched, in microseconds.
const LOOKS: i64 = 8 * 86_400_000_000;
/// Monitors and slices, alerts, notifiers that one scrape shows at most.
const ROWS_MAX: usize = 10_000;
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(8);
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a scrape needs.
#[derive(Clone)]
pub struct Metrics {
    /// Nothing in a gateway.
    store: Option<Store>,
    /// Nothing in a server that has nothing to do with Kafka.
    kafka: Option<KafkaHealth>,
    keys: Arc<Keys>,
    clock: Clock,
}

#[derive(Deserialize)]
struct Look {
    monitor: String,
    slice: String,
    state: String,
    value: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    coverage: Option<f64>,
    time_us: i64,
}

#[derive(Deserialize)]
struct Open {
    monitor: String,
    severity: String,
    state: String,
    n: f64,
}

#[derive(Deserialize)]
struct Told {
    notifier: String,
    outcome: String,
    n: f64,
}

impl Metrics {
    /// Shows the metrics of a store.
    pub fn of_store(store: Store, keys: Arc<Keys>, clock: Clock) -> Self {
        Self { store: Some(store), kafka: None, keys, clock }
    }

    /// Shows the metrics of a gateway, which has no store.
    pub fn of_gateway(kafka: KafkaHealth, keys: Arc<Keys>, clock: Clock) -> Self {
        Self { store: None, kafka: Some(kafka), keys, clock }
    }

    /// Shows how Kafka stands, too.
    pub fn with_kafka(self, kafka: KafkaHealth) -> Self {
        Self { kafka: Some(kafka), ..self }
    }

    /// Answers a scrape.
    pub async fn answer(&self, headers: &HeaderMap) -> Response {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Ok(tenant) = self.keys.tenant_of(token) else {
            return plain(StatusCode::UNAUTHORIZED, "give a token: authorization: Bearer ...\n".to_owned(), "text/plain");
        };
        match self.text(&tenant).await {
            Ok(text) => plain(StatusCode::OK, text, FORMAT),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a scrape of /metrics failed");
                plain(StatusCode::SERVICE_UNAVAILABLE, "the metrics cannot be read now\n".to_owned(), "text/plain")
            }
        }
    }

    async fn text(&self, tenant: &Tenant) -> anyhow::Result<String> {
        let mut page = Page::default();
        page.gauge("build_info", "The version that runs", [(labels([("version", env!("CARGO_PKG_VERSION"))]), 1.0)]);
        if let Some(store) = &self.store {
            self.of_tables(&mut page, store, tenant).await;
        }
        if let Some(health) = &self.kafka {
            kafka::write(&mut page, &health.status());
        }
        Ok(page.text()?)
    }

    async fn of_tables(&self, page: &mut Page, store: &Store, tenant: &Tenant) {
        let status = store.status();
        page.gauge("ready", "Whether rows can be taken in now", [(labels([]), truth(store.trouble().is_none()))]);
        flow(page, &status);
        log(page, &status);
        maintenance(page, &status);
        tables(page, &status, tenant);
        let (looks, open, notified) = tokio::join!(
            self.rows(store, tenant, "monitors", include_str!("monitors.sql")),
            self.rows(store, tenant, "alerts", include_str!("alerts.sql")),
            self.rows(store, tenant, "notifications", include_str!("notifications.sql")),
        );
        let parts = [("monitors", looks.is_some()), ("alerts", open.is_some()), ("notifications", notified.is_some())];
        let success = parts.map(|(part, read)| (labels([("part", part)]), truth(read)));
        page.gauge("scrape_part_success", "Whether a part of this page could be read in time", success);
        monitors(page, &looks.unwrap_or_default());
        alerts(page, &open.unwrap_or_default());
        told(page, &notified.unwrap_or_default());
    }

    /// The rows of one part; nothing where they cannot be read now.
    async fn rows<T: serde::de::DeserializeOwned>(&self, store: &Store, tenant: &Tenant, part: &str, sql: &str) -> Option<Vec<T>> {
        let since = Micros((self.clock)().0 - LOOKS);
        let options = QueryOptions { params: vec![("since".to_owned(), Param::Time(since))], max_rows: ROWS_MAX, deadline: DEADLINE };
        let rows = match store.query(tenant, sql, &options).await {
            Ok(answer) => answer.rows(),
            Err(error) => Err(error),
        };
        rows.inspect_err(|error| tracing::warn!(%error, part, "a part of /metrics could not be read")).ok()
    }
}

fn flow(page: &mut Page, status: &Status) {
    let mut records = Vec::new();
    let mut rejected = Vec::new();
    for (signal, flow) in &status.signals {
        for (outcome, n) in [("received", flow.received), ("acked", flow.acked), ("duplicate", flow.duplicates), ("visible", flow.visible)] {
            records.push((labels([("signal", signal.as_str()), ("outcome", outcome)]), n));
        }
        rejected.extend(flow.rejected.iter().map(|(reason, n)| (labels([("signal", signal.as_str()), ("reason", reason.as_str())]), *n)));
    }
    page.counter("records", "Records by what became of them", records);
    page.counter("records_rejected", "Records that were refused, by reason", rejected);
    page.counter("records_quarantined", "Records that could not be decoded", [(labels([]), status.quarantined)]);
}

fn log(page: &mut Page, status: &Status) {
    let one = |value: f64| [(labels([]), value)];
    page.gauge("wal_bytes", "Bytes of log segments that are still needed", one(float(status.wal_bytes)));
    page.gauge("wal_segments", "Log segments", one(status.wal_segments as f64));
    let positions = [("durable", status.last_seq), ("visible", status.visible_seq), ("committed", status.committed_seq)];
    page.gauge("wal_position", "Position in the log, by how far its records came", positions.map(|(of, seq)| (labels([("of", of)]), float(seq))));
    page.gauge("pending_bytes", "Bytes that wait for the log or for their decoding", one(status.pending_bytes as f64));
    page.gauge("disk_free_bytes", "Bytes free on the disk of the data directory", status.disk_free_bytes.map(|free| (labels([]), float(free))));
}

fn maintenance(page: &mut Page, status: &Status) {
    let work = &status.maintenance;
    let steps = [
        ("compaction", work.compactions),
        ("compacted_file", work.compacted_files),
        ("checkpoint", work.checkpoints),
        ("vacuumed_file", work.vacuumed_files),
        ("expired_row", work.expired_rows),
        ("forgotten_row", work.forgotten_rows),
    ];
    page.counter("maintenance", "What maintenance did", steps.map(|(step, n)| (labels([("step", step)]), n)));
    page.counter("maintenance_compacted_bytes", "Size of the files that became part of others", [(labels([]), work.compacted_bytes)]);
    let at_work = work.at_work.as_deref().and_then(|at| at.split(' ').next());
    page.gauge("maintenance_at_work", "1 for the step that maintenance is at", at_work.map(|step| (labels([("step", step)]), 1.0)));
    page.counter("maintenance_failures", "Steps of maintenance that failed", [(labels([]), work.failures)]);
}

fn tables(page: &mut Page, status: &Status, tenant: &Tenant) {
    let tables: Vec<_> = status.tables.iter().filter(|table| table.tenant == tenant.as_str()).collect();
    let name = |table: &str| labels([("tenant", tenant.as_str()), ("table", table)]);
    page.gauge("table_rows", "Committed rows", tables.iter().map(|table| (name(&table.table), float(table.rows))));
    page.gauge("table_held_rows", "Rows that are not committed yet", tables.iter().map(|table| (name(&table.table), float(table.held_rows))));
    page.gauge("table_files", "Committed files", tables.iter().map(|table| (name(&table.table), table.files as f64)));
    let of_fullest = tables.iter().map(|table| (name(&table.table), table.day_files_max as f64));
    page.gauge("table_day_files_max", "Committed files of the day that has most of them", of_fullest);
    let replaced = tables.iter().map(|table| (name(&table.table), table.replaced_files as f64));
    page.gauge("table_replaced_files", "Files that others took the place of, and that wait to be deleted", replaced);
    let entries = tables.iter().map(|table| (name(&table.table), float(table.log_since_checkpoint)));
    page.gauge("table_log_since_checkpoint", "Entries of the table's log since its last checkpoint", entries);
    page.gauge("table_bytes", "Size of the committed files", tables.iter().map(|table| (name(&table.table), float(table.file_bytes))));
    page.counter("table_committed_rows", "Rows committed since the start", tables.iter().map(|table| (name(&table.table), table.committed_rows)));
    let commits = tables.iter().filter_map(|table| Some((name(&table.table), seconds(table.last_commit?.0))));
    page.gauge("table_last_commit_timestamp_seconds", "When this process last committed", commits);
}

fn monitors(page: &mut Page, looks: &[Look]) {
    let of = |look: &Look| labels([("monitor", look.monitor.as_str()), ("slice", look.slice.as_str())]);
    let numbers = |pick: fn(&Look) -> Option<f64>| looks.iter().filter_map(move |look| Some((of(look), pick(look)?))).collect::<Vec<_>>();
    let states =
        looks.iter().map(|look| (labels([("monitor", look.monitor.as_str()), ("slice", look.slice.as_str()), ("state", look.state.as_str())]), 1.0));
    page.gauge("monitor_state", "State of a monitor at its last look; 1 for the state that it is in", states);
    page.gauge("monitor_value", "The watched number", numbers(|look| look.value));
    page.gauge("monitor_baseline", "The same number in the baseline", numbers(|look| look.baseline));
    page.gauge("monitor_effect", "Size of the change", numbers(|look| look.effect));
    page.gauge("monitor_coverage", "Share of the observations that have a value", numbers(|look| look.coverage));
    page.gauge("monitor_last_look_timestamp_seconds", "When it looked last", numbers(|look| Some(seconds(look.time_us))));
}

fn alerts(page: &mut Page, open: &[Open]) {
    let of = |row: &Open| labels([("monitor", row.monitor.as_str()), ("severity", row.severity.as_str()), ("state", row.state.as_str())]);
    page.gauge("alerts_open", "Alerts that are not resolved", open.iter().map(|row| (of(row), row.n)));
}

fn told(page: &mut Page, told: &[Told]) {
    let of = |row: &Told| labels([("notifier", row.notifier.as_str()), ("outcome", row.outcome.as_str())]);
    page.gauge("notifications", "Attempts to tell people in the last eight days, by how they ended", told.iter().map(|row| (of(row), row.n)));
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn float(n: u64) -> f64 {
    n as f64
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn plain(status: StatusCode, text: String, format: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format));
    response
}
