//! The overview: open alerts first, then traffic, latency, errors, cost and quality over time, then where they come from.

pub(crate) mod alerts;
mod cost;
mod quality;
mod tables;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use schema::Micros;
use serde::Deserialize;

use self::alerts::Alarms;
use self::cost::Cost;
use self::quality::Quality;
use self::tables::{ModelLine, ServiceLine};
use super::deployments;
use super::traces::{Filter, Nothing, nothing};
use super::traffic::{self, Traffic};
use super::{Choice, Frame, PageError, range_choices, show};
use crate::app::App;
use crate::caller::Visitor;
use crate::chart::Chart;
use crate::format;
use crate::range::Range;
use crate::url::{Asked, address};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    ranges: Vec<Choice>,
    range_label: String,
    alarms: Alarms,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    quality: Quality,
    services: Vec<ServiceLine>,
    models: Vec<ModelLine>,
    n_unpriced: Option<String>,
    nothing: Option<Nothing>,
    is_new: bool,
}

/// One figure, and how it changed against the range before.
pub(crate) struct Tile {
    name: &'static str,
    value: String,
    change: Option<String>,
    /// `good`, `bad` or nothing: whether the change is one to like.
    class: &'static str,
}

/// The page's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asking {
    range: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Shows the overview of a range.
pub(crate) async fn page(State(app): State<App>, Visitor(tenant): Visitor, Asked(asking): Asked<Asking>) -> Result<Response, PageError> {
    let now = app.now();
    let range = Range::read(asking.range.as_deref(), asking.from.as_deref(), asking.to.as_deref(), &app.config.range, now)?;
    let (filter, past) = (Filter::all(range), Filter::all(range.before()));
    let reader = app.reader(tenant.clone());
    let (grid, past_grid) = (range.grid(), past.range.grid());

    let alarms = alerts::read(&reader, &range, now).await?;
    let (traffic, cost, quality, deployed) = tokio::try_join!(
        traffic::read_shaded(&reader, filter.params(), &grid, &alarms.windows),
        cost::read(&reader, &range, &grid, &alarms.windows),
        quality::read(&reader, &range, &grid, &alarms.windows),
        deployments::read(&reader, &range),
    )?;
    let (past_traffic, past_cost, services, models) = tokio::try_join!(
        traffic::read(&reader, past.params(), &past_grid),
        cost::total(&reader, &past.range),
        tables::services(&reader, &filter),
        tables::models(&reader, &range, &cost),
    )?;
    let nothing = if traffic.n == 0 { Some(nothing(&reader, now).await?) } else { None };

    let tiles = tiles(&traffic, &past_traffic, &cost, past_cost);
    let mut charts = traffic.charts;
    charts.push(cost.chart);
    charts.push(cost.tokens_chart);
    let mut quality = quality;
    charts.extend(quality.chart.take());
    let charts = charts.into_iter().map(|chart| chart.with_marks(&grid, &deployed)).collect();
    let page = OverviewPage {
        frame: Frame::new(&app, &tenant, "overview", "Overview").with_range(&range),
        ranges: range_choices(&range, |name| address("/", [("range", name)])),
        range_label: range.label(),
        alarms,
        tiles,
        charts,
        quality,
        services,
        models,
        n_unpriced: (cost.n_unpriced > 0).then(|| format::count(cost.n_unpriced)),
        is_new: nothing.as_ref().is_some_and(|nothing| nothing.latest.is_none()),
        nothing,
    };
    Ok(show(&page)?)
}

fn tiles(now: &Traffic, past: &Traffic, cost: &Cost, past_nanousd: Option<i64>) -> Vec<Tile> {
    let dash = || "–".to_owned();
    let ratio = |now: Option<f64>, past: Option<f64>| Some((now?, past.filter(|past| *past > 0.0)?)).map(|(now, past)| now / past - 1.0);
    let tile = |name, value, change: Option<f64>, worse_above: f64| Tile {
        name,
        value,
        class: match change {
            Some(change) if change > worse_above => "bad",
            Some(change) if change < -worse_above => "good",
            _ => "",
        },
        change: change
            .filter(|change| change.abs() >= 0.005)
            .map(|change| format!("{}{}", if change > 0.0 { "+" } else { "−" }, format::percent(change.abs()))),
    };
    // the rate's change is told in points: a rate that doubles from nearly nothing is no news
    let points = now.error_rate().zip(past.error_rate()).map(|(now, past)| now - past);
    let errors = Tile {
        name: "Error rate",
        value: now.error_rate().map_or_else(dash, format::percent),
        class: match points {
            Some(points) if points > 0.01 => "bad",
            Some(points) if points < -0.01 => "good",
            _ => "",
        },
        change: points
            .filter(|points| points.abs() >= 0.000_5)
            .map(|points| format!("{}{:.1} pt", if points > 0.0 { "+" } else { "−" }, points.abs() * 100.0)),
    };
    vec![
        tile("Traces", format::count(now.n), ratio(Some(format::real(now.n)), Some(format::real(past.n))), f64::INFINITY),
        errors,
        tile("Latency p50", now.p50_ns.map_or_else(dash, format::duration), ratio(now.p50_ns, past.p50_ns), 0.2),
        tile("Latency p95", now.p95_ns.map_or_else(dash, format::duration), ratio(now.p95_ns, past.p95_ns), 0.2),
        tile("Cost", format::money(cost.nanousd), ratio(Some(format::real(cost.nanousd)), past_nanousd.map(format::real)), 0.5),
        tile("Model calls", format::count(cost.n_calls), None, f64::INFINITY),
    ]
}

/// Names the traces of a window of time.
pub(crate) fn traces_between(from: Micros, to: Micros, more: &[(&str, &str)]) -> String {
    let range = Range { from, to, preset: None };
    let pairs = range.pairs();
    address("/traces", pairs.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()))
}
