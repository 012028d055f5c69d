//! The monitors: how each stands, and for one its number over time, its slices, its alerts, and what was deployed meanwhile.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use schema::Micros;
use serde::Deserialize;

use super::deployments::{self, Deployment};
use super::overview::alerts::examples;
use super::overview::traces_between;
use super::{Choice, Frame, PageError, range_choices, show};
use crate::app::{App, Params, Reader};
use crate::caller::Visitor;
use crate::chart::{Axis, Chart, Series};
use crate::error::Error;
use crate::format;
use crate::range::{Grid, Range};
use crate::say::{Word, say};
use crate::url::{Asked, address, segment};

const LATEST: &str = include_str!("../../queries/monitors_latest.sql");
const SERIES: &str = include_str!("../../queries/monitor_series.sql");
const SLICES: &str = include_str!("../../queries/monitor_slices.sql");
const ALERTS: &str = include_str!("../../queries/monitor_alerts.sql");
const DAY: i64 = 86_400_000_000;
/// How far back the last look of a monitor is searched.
const LOOKS: i64 = 8 * DAY;
const LOOKS_MAX: usize = 50_000;

#[derive(Template)]
#[template(path = "monitors.html")]
struct MonitorsPage {
    frame: Frame,
    monitors: Vec<Standing>,
}

#[derive(Template)]
#[template(path = "monitor.html")]
struct MonitorPage {
    frame: Frame,
    ranges: Vec<Choice>,
    name: String,
    now: Option<Standing>,
    charts: Vec<Chart>,
    slices: Vec<SliceLine>,
    alerts: Vec<AlertLine>,
    deployments: Vec<DeploymentLine>,
    open: Option<AlertLine>,
}

#[derive(Deserialize)]
struct LatestRow {
    monitor: String,
    state: String,
    value: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    p_value: Option<f64>,
    coverage: Option<f64>,
    n: i64,
    reason: String,
    time_us: i64,
    n_slices: i64,
}

/// How a monitor stands.
struct Standing {
    monitor: String,
    href: String,
    state: String,
    class: &'static str,
    value: String,
    baseline: String,
    effect: String,
    p: String,
    coverage: String,
    n: String,
    n_slices: i64,
    reason: String,
    looked: String,
}

#[derive(Deserialize)]
struct SeriesRow {
    time_us: i64,
    state: String,
    value: Option<f64>,
    baseline: Option<f64>,
    coverage: Option<f64>,
}

#[derive(Deserialize)]
struct SliceRow {
    slice: String,
    state: String,
    value: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    p_value: Option<f64>,
    coverage: Option<f64>,
    n: i64,
    reason: String,
}

struct SliceLine {
    slice: String,
    state: String,
    class: &'static str,
    numbers: [String; 5],
    n: String,
    reason: String,
}

#[derive(Clone, Deserialize)]
struct AlertRow {
    id: String,
    time_us: i64,
    slice: String,
    kind: String,
    state: String,
    severity: String,
    summary: String,
    cause: Option<String>,
    actor: Option<String>,
    details: Option<String>,
}

#[derive(Clone)]
struct AlertLine {
    row: AlertRow,
    at: String,
    traces_href: String,
    /// Traces that show it best, of an alert that fires.
    examples: Vec<String>,
}

struct DeploymentLine {
    row: Deployment,
    at: String,
}

/// The page's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asking {
    range: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Lists the monitors, the worst first.
pub(crate) async fn list(State(app): State<App>, Visitor(tenant): Visitor) -> Result<Response, PageError> {
    let monitors = standings(&app.reader(tenant.clone()), app.now()).await?;
    Ok(show(&MonitorsPage { frame: Frame::new(&app, &tenant, "monitors", "Monitors"), monitors })?)
}

/// Shows one monitor.
pub(crate) async fn one(
    State(app): State<App>,
    Visitor(tenant): Visitor,
    Path(name): Path<String>,
    Asked(asking): Asked<Asking>,
) -> Result<Response, PageError> {
    let now = app.now();
    let range = Range::read(asking.range.as_deref(), asking.from.as_deref(), asking.to.as_deref(), "7d", now)?;
    let reader = app.reader(tenant.clone());
    let between = || Params::new().text("monitor", &name).time("from", range.from).time("to", range.to);
    let (looks, slices, alerts, deployments): (Vec<SeriesRow>, Vec<SliceRow>, Vec<AlertRow>, Vec<Deployment>) = tokio::try_join!(
        reader.rows(SERIES, between(), LOOKS_MAX),
        reader.rows(SLICES, Params::new().text("monitor", &name).time("since", Micros(now.0 - LOOKS)), 100),
        reader.rows(ALERTS, Params::new().text("monitor", &name), 100),
        deployments::read(&reader, &range),
    )?;
    let standing = standings(&reader, now).await?.into_iter().find(|standing| standing.monitor == name);
    if standing.is_none() && looks.is_empty() && alerts.is_empty() {
        return Err(Error::NotFound { what: "monitor", id: name.chars().take(200).collect() }.into());
    }
    let open = alerts.iter().position(|row| !matches!(row.state.as_str(), "acknowledged" | "muted")).filter(|at| alerts[*at].state != "resolved");
    let lines: Vec<AlertLine> = alerts.into_iter().map(AlertLine::new).collect();
    let page = MonitorPage {
        frame: Frame::new(&app, &tenant, "monitors", name.clone()).with_range(&range),
        ranges: range_choices(&range, |preset| address(&format!("/monitors/{}", segment(&name)), [("range", preset)])),
        now: standing,
        charts: charts(&looks, &deployments, &range.grid()),
        slices: slices.into_iter().map(SliceLine::new).collect(),
        deployments: deployments.into_iter().map(|row| DeploymentLine { at: format::minute(row.at()), row }).collect(),
        open: open.map(|at| lines[at].clone()),
        alerts: lines,
        name,
    };
    Ok(show(&page)?)
}

/// The form beside an open alert.
#[derive(Debug, Deserialize)]
pub(crate) struct Saying {
    id: String,
    actor: String,
    word: String,
}

/// Takes what a person says to an alert, and leads back to its monitor.
pub(crate) async fn tell(
    State(app): State<App>,
    Visitor(tenant): Visitor,
    Path(name): Path<String>,
    Form(saying): Form<Saying>,
) -> Result<Response, PageError> {
    let word = match saying.word.strip_prefix("mute-").map(str::parse::<i64>) {
        None if saying.word == "acknowledge" => Word::Acknowledge,
        Some(Ok(minutes)) => Word::Mute(minutes),
        _ => return Err(Error::Input { message: "the form cannot be read".to_owned(), hint: "use the buttons of the page" }.into()),
    };
    say(&app.reader(tenant), &saying.id, &saying.actor, word).await?;
    Ok(Redirect::to(&format!("/monitors/{}", segment(&name))).into_response())
}

async fn standings(reader: &Reader, now: Micros) -> Result<Vec<Standing>, Error> {
    let rows: Vec<LatestRow> = reader.rows(LATEST, Params::new().time("since", Micros(now.0 - LOOKS)), 5_000).await?;
    Ok(rows.into_iter().map(|row| Standing::new(row, now)).collect())
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), format::figure)
}

/// The class that gives a state its colour.
pub(crate) fn class_of(state: &str) -> &'static str {
    match state {
        "OK" => "good",
        "ALERT" | "ERROR" => "bad",
        "WARN" => "warn",
        _ => "mute",
    }
}

impl Standing {
    fn new(row: LatestRow, now: Micros) -> Self {
        Self {
            href: format!("/monitors/{}", segment(&row.monitor)),
            class: class_of(&row.state),
            value: number(row.value),
            baseline: number(row.baseline),
            effect: number(row.effect),
            p: row.p_value.map_or_else(|| "–".to_owned(), format::p_value),
            coverage: row.coverage.map_or_else(|| "–".to_owned(), format::percent),
            n: format::count(row.n),
            n_slices: row.n_slices,
            looked: format::ago(Micros(row.time_us), now),
            monitor: row.monitor,
            state: row.state,
            reason: row.reason,
        }
    }
}

impl SliceLine {
    fn new(row: SliceRow) -> Self {
        let p = row.p_value.map_or_else(|| "–".to_owned(), format::p_value);
        let coverage = row.coverage.map_or_else(|| "–".to_owned(), format::percent);
        let numbers = [number(row.value), number(row.baseline), number(row.effect), p, coverage];
        Self { class: class_of(&row.state), slice: row.slice, state: row.state, numbers, n: format::count(row.n), reason: row.reason }
    }
}

impl AlertLine {
    fn new(row: AlertRow) -> Self {
        let at = Micros(row.time_us);
        let examples = if row.state == "firing" { examples(row.details.as_deref()) } else { Vec::new() };
        Self { at: format::minute(at), traces_href: traces_between(Micros(at.0 - DAY / 4), at, &[]), examples, row }
    }
}

/// The number against its baseline, with bad looks shaded and deployments as lines; and the coverage below it.
fn charts(looks: &[SeriesRow], deployments: &[Deployment], grid: &Grid) -> Vec<Chart> {
    let spread = |pick: &dyn Fn(&SeriesRow) -> Option<f64>| {
        let mut values: Vec<Option<f64>> = vec![None; grid.n];
        for row in looks {
            let place = usize::try_from((row.time_us - grid.start.0).div_euclid(grid.width_us)).ok().and_then(|i| values.get_mut(i));
            if let (Some(place), Some(value)) = (place, pick(row).filter(|value| value.is_finite())) {
                *place = Some(value);
            }
        }
        values
    };
    let value = [Series::new("value", "gold", spread(&|row| row.value)), Series::new("baseline", "ink", spread(&|row| row.baseline))];
    let bad = looks.iter().filter(|row| matches!(row.state.as_str(), "ALERT" | "ERROR"));
    let shades: Vec<(Micros, Micros)> = bad.map(|row| (Micros(row.time_us), Micros(row.time_us + grid.width_us))).collect();
    let axis = || Axis::of(format::figure).with_floor(1e-9);
    let mut charts = vec![Chart::lines("Value", grid, &value, axis()).with_shades(grid, &shades).with_marks(grid, deployments)];
    if looks.iter().any(|row| row.coverage.is_some()) {
        let coverage = [Series::new("coverage", "ink", spread(&|row| row.coverage))];
        charts.push(Chart::lines("Coverage", grid, &coverage, Axis::of(format::percent)));
    }
    charts
}
