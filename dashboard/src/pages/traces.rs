//! The trace list: filters, what they let through over time, and the traces themselves, a page at a time.

mod filter;
mod row;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

pub(crate) use self::filter::Filter;
use self::filter::{Asking, Place};
use self::row::{Row, ScoreRow, TraceRow};
use super::{Choice, Frame, PageError, range_choices, show};
use crate::app::App;
use crate::app::{Params, Reader};
use crate::caller::Visitor;
use crate::error::Error;
use crate::pages::traffic::{self, Traffic};
use crate::range::Range;
use crate::url::Asked;

/// Traces on one page; `trace_rows.sql` and `trace_scores.sql` have as many places.
const PAGE_ROWS: usize = 50;
const OLDER: &str = concat!(include_str!("../../queries/matched.sql"), include_str!("../../queries/traces_older.sql"));
const NEWER: &str = concat!(include_str!("../../queries/matched.sql"), include_str!("../../queries/traces_newer.sql"));
const ROWS: &str = include_str!("../../queries/trace_rows.sql");
const SCORES: &str = include_str!("../../queries/trace_scores.sql");
const FACETS: &str = include_str!("../../queries/facets.sql");

#[derive(Template)]
#[template(path = "traces.html")]
struct TracesPage {
    frame: Frame,
    filter: Filter,
    ranges: Vec<Choice>,
    range_label: String,
    range_pairs: Vec<(&'static str, String)>,
    services: Vec<String>,
    models: Vec<String>,
    traffic: Traffic,
    rows: Vec<Row>,
    older_href: Option<String>,
    newer_href: Option<String>,
    first_href: String,
    is_first: bool,
    nothing: Option<Nothing>,
    is_new: bool,
}

/// What to say where the list is empty.
pub(crate) struct Nothing {
    /// When the latest span began, where there is one at all.
    pub latest: Option<String>,
    /// A range in which there is something.
    pub href: String,
}

/// Shows the traces that fit the address.
pub(crate) async fn page(State(app): State<App>, Visitor(tenant): Visitor, Asked(asking): Asked<Asking>) -> Result<Response, PageError> {
    let now = app.now();
    let range = Range::read(asking.range(), asking.from(), asking.to(), &app.config.range, now)?;
    let filter = Filter::read(asking, range)?;
    let reader = app.reader(tenant.clone());
    let grid = range.grid();

    let (found, traffic, facets) =
        tokio::try_join!(found(&reader, &filter), traffic::read(&reader, filter.params(), &grid), facets(&reader, &range))?;
    let rows = rows(&reader, &found.ids).await?;
    let nothing = if traffic.n == 0 { Some(nothing(&reader, now).await?) } else { None };

    let (services, models) = facets;
    let page = TracesPage {
        frame: Frame::new(&app, &tenant, "traces", "Traces").with_range(&range),
        ranges: range_choices(&range, |name| filter.address(&[("range", name)], None)),
        range_label: range.label(),
        range_pairs: range.pairs(),
        services: offered(services, filter.service.as_deref()),
        models: offered(models, filter.model.as_deref()),
        traffic,
        rows,
        older_href: found.older.map(|place| filter.page_address("older", &place)),
        newer_href: found.newer.map(|place| filter.page_address("newer", &place)),
        first_href: filter.here(),
        is_first: filter.place.is_none(),
        is_new: nothing.as_ref().is_some_and(|nothing| nothing.latest.is_none()),
        nothing,
        filter,
    };
    Ok(show(&page)?)
}

/// The ids of one page, and the places from which its neighbours begin.
struct Found {
    ids: Vec<String>,
    older: Option<Place>,
    newer: Option<Place>,
}

#[derive(Deserialize)]
struct FoundRow {
    trace_id: String,
    start_us: i64,
}

async fn found(reader: &Reader, filter: &Filter) -> Result<Found, Error> {
    let upwards = matches!(&filter.place, Some((name, _)) if *name == "newer");
    let place = filter.place.as_ref().map(|(_, place)| place);
    let params =
        filter.params().maybe_time("place_time", place.map(|place| place.start)).maybe("place_id", place.map(|place| place.trace_id.as_str()));
    let mut rows: Vec<FoundRow> = reader.rows(if upwards { NEWER } else { OLDER }, params, PAGE_ROWS + 1).await?;
    let has_more = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    if upwards {
        rows.reverse();
    }
    let place_of = |row: Option<&FoundRow>| row.map(|row| Place { start: schema::Micros(row.start_us), trace_id: row.trace_id.clone() });
    let (first, last) = (place_of(rows.first()), place_of(rows.last()));
    Ok(Found {
        older: if upwards || has_more { last } else { None },
        newer: if (upwards && has_more) || (!upwards && filter.place.is_some()) { first } else { None },
        ids: rows.into_iter().map(|row| row.trace_id).collect(),
    })
}

async fn rows(reader: &Reader, ids: &[String]) -> Result<Vec<Row>, Error> {
    let Some(last) = ids.last() else { return Ok(Vec::new()) };
    let mut params = Params::new();
    for i in 0..PAGE_ROWS {
        params = params.text(&format!("t{i:02}"), ids.get(i).unwrap_or(last));
    }
    let (traces, scores): (Vec<TraceRow>, Vec<ScoreRow>) =
        tokio::try_join!(reader.rows(ROWS, params.clone(), PAGE_ROWS), reader.rows(SCORES, params, PAGE_ROWS * 40))?;
    let mut scores_of: BTreeMap<String, Vec<ScoreRow>> = BTreeMap::new();
    for score in scores {
        scores_of.entry(score.trace_id.clone()).or_default().push(score);
    }
    let slowest = traces.iter().map(|trace| trace.duration_ns).max().unwrap_or(1);
    let mut traces: BTreeMap<String, TraceRow> = traces.into_iter().map(|trace| (trace.trace_id.clone(), trace)).collect();
    let listed = ids.iter().filter_map(|id| traces.remove(id));
    Ok(listed.map(|trace| Row::new(scores_of.remove(&trace.trace_id).unwrap_or_default(), trace, slowest)).collect())
}

#[derive(Deserialize)]
struct FacetRow {
    facet: String,
    value: String,
}

async fn facets(reader: &Reader, range: &Range) -> Result<(Vec<String>, Vec<String>), Error> {
    let params = Params::new().time("from", range.from).time("to", range.to);
    let rows: Vec<FacetRow> = reader.rows(FACETS, params, 400).await?;
    let (services, models): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.facet == "service");
    Ok((services.into_iter().map(|row| row.value).collect(), models.into_iter().map(|row| row.value).collect()))
}

/// A chosen value stays on offer where the range does not hold it.
fn offered(mut values: Vec<String>, chosen: Option<&str>) -> Vec<String> {
    if let Some(chosen) = chosen.filter(|chosen| !values.iter().any(|value| value == chosen)) {
        values.insert(0, chosen.to_owned());
    }
    values
}

/// Looks for the latest span, for a page that has nothing to show.
pub(crate) async fn nothing(reader: &Reader, now: schema::Micros) -> Result<Nothing, Error> {
    #[derive(Deserialize)]
    struct Latest {
        latest_us: Option<i64>,
    }
    let latest: Option<Latest> = reader.first(include_str!("../../queries/latest.sql"), Params::new()).await?;
    let latest = latest.and_then(|latest| latest.latest_us).map(schema::Micros);
    let day_us = 86_400_000_000;
    let around =
        latest.map(|at| Range { from: schema::Micros(at.0.saturating_sub(day_us).max(0)), to: schema::Micros(at.0.saturating_add(1)), preset: None });
    let pairs = around.map(|range| range.pairs()).unwrap_or_default();
    Ok(Nothing {
        latest: latest.map(|at| crate::format::ago(at, now)),
        href: crate::url::address("/traces", pairs.iter().map(|(name, value)| (*name, value.as_str()))),
    })
}
