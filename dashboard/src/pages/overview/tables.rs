//! Where traffic, errors and cost come from: by service and by model.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::cost::Cost;
use crate::app::{Params, Reader};
use crate::error::Error;
use crate::format;
use crate::pages::traces::Filter;
use crate::range::Range;
use crate::url::address;

const SERVICES: &str = concat!(include_str!("../../../queries/matched.sql"), include_str!("../../../queries/services.sql"));
const SERVICE_COST: &str = include_str!("../../../queries/cost_services.sql");
const MODELS: &str = include_str!("../../../queries/models.sql");
const LINES_MAX: usize = 12;

/// A service.
#[derive(Debug)]
pub(crate) struct ServiceLine {
    /// Name.
    pub name: String,
    /// Its traces.
    pub href: String,
    /// Number of traces.
    pub n: String,
    /// Error rate.
    pub errors: String,
    /// Whether more than one in twenty fails.
    pub is_bad: bool,
    /// Latency.
    pub p50: String,
    /// Latency.
    pub p95: String,
    /// Cost.
    pub cost: String,
}

/// A model.
#[derive(Debug)]
pub(crate) struct ModelLine {
    /// Name.
    pub name: String,
    /// Provider.
    pub provider: String,
    /// Traces that called it.
    pub href: String,
    /// Number of calls.
    pub n: String,
    /// Error rate.
    pub errors: String,
    /// Whether more than one in twenty fails.
    pub is_bad: bool,
    /// Latency.
    pub p50: String,
    /// Latency.
    pub p95: String,
    /// Input and output tokens.
    pub tokens: String,
    /// Cost.
    pub cost: String,
    /// Share of the whole cost, in per cent.
    pub cost_share: f64,
}

#[derive(Debug, Deserialize)]
struct ServiceRow {
    service_name: Option<String>,
    n: i64,
    n_failed: Option<i64>,
    p50_ns: Option<f64>,
    p95_ns: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct ServiceCostRow {
    service_name: Option<String>,
    cost_nanousd: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct ModelRow {
    model: Option<String>,
    provider: Option<String>,
    n: i64,
    n_failed: Option<i64>,
    p50_ns: Option<f64>,
    p95_ns: Option<f64>,
}

/// Reads the services of a range, the busiest first.
pub(crate) async fn services(reader: &Reader, filter: &Filter) -> Result<Vec<ServiceLine>, Error> {
    let cost_params = Params::new().time("from", filter.range.from).time("to", filter.range.to);
    let (rows, costs): (Vec<ServiceRow>, Vec<ServiceCostRow>) =
        tokio::try_join!(reader.rows(SERVICES, filter.params(), 200), reader.rows(SERVICE_COST, cost_params, 1_000))?;
    let costs: BTreeMap<Option<String>, i64> = costs.into_iter().map(|row| (row.service_name, row.cost_nanousd.unwrap_or(0))).collect();
    let pairs = filter.range.pairs();
    let line = |row: ServiceRow| {
        let cost = costs.get(&row.service_name).copied();
        let name = row.service_name.unwrap_or_default();
        let rate = rate(row.n_failed, row.n);
        ServiceLine {
            href: address("/traces", pairs.iter().map(|(name, value)| (*name, value.as_str())).chain([("service", name.as_str())])),
            n: format::count(row.n),
            errors: format::percent(rate),
            is_bad: rate > 0.05,
            p50: latency(row.p50_ns),
            p95: latency(row.p95_ns),
            cost: cost.map_or_else(|| "–".to_owned(), format::money),
            name: if name.is_empty() { "(no service name)".to_owned() } else { name },
        }
    };
    Ok(rows.into_iter().take(LINES_MAX).map(line).collect())
}

/// Reads the models of a range, the most called first.
pub(crate) async fn models(reader: &Reader, range: &Range, cost: &Cost) -> Result<Vec<ModelLine>, Error> {
    let params = Params::new().time("from", range.from).time("to", range.to);
    let rows: Vec<ModelRow> = reader.rows(MODELS, params, 200).await?;
    let pairs = range.pairs();
    let line = |row: ModelRow| {
        let name = row.model.unwrap_or_default();
        let shown = if name.is_empty() { "(unknown)".to_owned() } else { name.clone() };
        let spent = cost.models.get(&shown).copied().unwrap_or_default();
        let rate = rate(row.n_failed, row.n);
        ModelLine {
            href: address("/traces", pairs.iter().map(|(name, value)| (*name, value.as_str())).chain([("model", name.as_str())])),
            provider: row.provider.unwrap_or_default(),
            n: format::count(row.n),
            errors: format::percent(rate),
            is_bad: rate > 0.05,
            p50: latency(row.p50_ns),
            p95: latency(row.p95_ns),
            tokens: format!("{} / {}", format::short(format::real(spent.input_tokens)), format::short(format::real(spent.output_tokens))),
            cost: format::money(spent.nanousd),
            cost_share: share(spent.nanousd, cost.nanousd),
            name: shown,
        }
    };
    Ok(rows.into_iter().take(LINES_MAX).map(line).collect())
}

fn rate(n_failed: Option<i64>, n: i64) -> f64 {
    if n > 0 { format::real(n_failed.unwrap_or(0)) / format::real(n) } else { 0.0 }
}

fn share(part: i64, whole: i64) -> f64 {
    if whole > 0 { (format::real(part) / format::real(whole) * 100.0).clamp(0.0, 100.0) } else { 0.0 }
}

fn latency(ns: Option<f64>) -> String {
    ns.map_or_else(|| "–".to_owned(), format::duration)
}
