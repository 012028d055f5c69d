//! The trace page: the tree of spans with a waterfall on the left, one span in full on the right.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use schema::Micros;
use serde::Deserialize;

use super::span::Panel;
use super::{Frame, PageError, show};
use crate::app::App;
use crate::caller::Visitor;
use crate::conversation::Part;
use crate::format;
use crate::trace::{LightSpan, Sort, Trace, Usage};
use crate::tree::Place;
use crate::url::{Asked, address};

/// Rows of the tree that the page itself holds; the script loads the others, and without scripts links lead on.
const ROWS_MAX: usize = 300;

/// Indentation ends here, or deep trees would leave no room for names.
pub(crate) const INDENT_MAX: usize = 24;

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    frame: Frame,
    id: String,
    head: Head,
    rows: Vec<Row>,
    first: usize,
    n_spans: usize,
    notes: Vec<String>,
    earlier_href: Option<String>,
    later_href: Option<String>,
    half: String,
    whole: String,
    panel: Option<Panel>,
}

/// What is said about the trace as a whole.
struct Head {
    name: String,
    service: String,
    environment: Option<String>,
    is_error: bool,
    iso: String,
    start: String,
    figures: Vec<(&'static str, String, String)>,
    session: Option<(String, String)>,
    user: Option<String>,
    models: Vec<String>,
}

/// A span as a row of the tree.
struct Row {
    id: String,
    href: String,
    level: usize,
    indent: usize,
    sort: Sort,
    name: String,
    is_error: bool,
    is_chosen: bool,
    has_children: bool,
    odd: Option<&'static str>,
    x: f64,
    w: f64,
    duration: String,
    tokens: String,
    cost: String,
}

/// The page's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asking {
    span: Option<String>,
    first: Option<usize>,
}

/// Shows a trace.
pub(crate) async fn page(
    State(app): State<App>,
    Visitor(tenant): Visitor,
    Path(id): Path<String>,
    Asked(asking): Asked<Asking>,
) -> Result<Response, PageError> {
    let reader = app.reader(tenant.clone());
    let trace = Trace::read(&reader, &id).await?;
    let chosen = match asking.span.as_deref().filter(|span| !span.is_empty()) {
        Some(span) => Some(crate::trace::span_id(span)?.to_string()),
        None => trace.opening().map(|span| span.span_id.clone()),
    };
    let panel = match &chosen {
        Some(span) => Some(Panel::of(&reader, &trace, span).await?),
        None => None,
    };
    let id = trace.id.to_string();
    let n_spans = trace.tree.places.len();
    let first = asking.first.unwrap_or(0).min(n_spans.saturating_sub(1));
    let link =
        |first: usize| address(&format!("/traces/{id}"), [("first", first.to_string().as_str()), ("span", chosen.as_deref().unwrap_or_default())]);
    let head = Head::new(&trace);
    let page = TracePage {
        frame: Frame::new(&app, &tenant, "traces", head.name.clone()),
        head,
        rows: trace.in_order().skip(first).take(ROWS_MAX).map(|(place, span)| Row::new(&trace, place, span, chosen.as_deref())).collect(),
        first,
        n_spans,
        notes: notes(&trace),
        earlier_href: (first > 0).then(|| link(first.saturating_sub(ROWS_MAX))),
        later_href: (first + ROWS_MAX < n_spans).then(|| link(first + ROWS_MAX)),
        half: format::duration(format::real(trace.duration_ns()) / 2.0),
        whole: format::nanos(trace.duration_ns()),
        panel,
        id: id.clone(),
    };
    Ok(show(&page)?)
}

impl Head {
    fn new(trace: &Trace) -> Self {
        let root = trace.root();
        let start = Micros::from_nanos(trace.tree.start_ns);
        let spans = || trace.in_order().map(|(_, span)| span);
        let first_of = |field: fn(&LightSpan) -> &Option<String>| {
            root.and_then(|root| field(root).clone()).or_else(|| spans().find_map(|span| field(span).clone()))
        };
        let Usage { n_calls, input_tokens, output_tokens, cost_nanousd } = trace.usage;
        let n_errors = trace.n_errors();
        let int = |n: usize| format::count(i64::try_from(n).unwrap_or(i64::MAX));
        let mut figures = vec![
            ("Duration", format::nanos(trace.duration_ns()), String::new()),
            ("Spans", int(trace.tree.places.len()), String::new()),
            ("Model calls", format::count(n_calls), String::new()),
            (
                "Tokens",
                format::short(format::real(input_tokens.saturating_add(output_tokens))),
                format!("{} in, {} out, each call counted once", format::count(input_tokens), format::count(output_tokens)),
            ),
            ("Cost", cost_nanousd.map_or_else(|| "–".to_owned(), format::money), "each call counted once".to_owned()),
        ];
        if n_errors > 0 {
            figures.push(("Errors", int(n_errors), "spans with status error".to_owned()));
        }
        Self {
            name: root.map(|root| root.name.clone()).filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "(no name)".to_owned()),
            service: first_of(|span| &span.service_name).unwrap_or_default(),
            environment: first_of(|span| &span.environment),
            is_error: n_errors > 0,
            iso: format::rfc3339(start),
            start: start.to_datetime().format("%-d %b %Y, %H:%M:%S%.3f").to_string(),
            figures,
            session: first_of(|span| &span.session_id).map(|session| (address("/traces", [("range", "28d"), ("session", &session)]), session)),
            user: first_of(|span| &span.user_id),
            models: trace.models.iter().cloned().collect(),
        }
    }
}

impl Row {
    fn new(trace: &Trace, place: &Place, span: &LightSpan, chosen: Option<&str>) -> Self {
        let whole = format::real(trace.duration_ns().max(1));
        let x = format::real(span.start_unix_nano.saturating_sub(trace.tree.start_ns)) / whole * 100.0;
        let w = format::real(span.duration_ns.max(0)) / whole * 100.0;
        let usage = trace.calls.get(&span.span_id);
        let tokens = usage.map_or(0, |usage| usage.input_tokens.saturating_add(usage.output_tokens));
        Self {
            href: address(&format!("/traces/{}", trace.id), [("span", span.span_id.as_str())]),
            id: span.span_id.clone(),
            level: place.depth + 1,
            indent: place.depth.min(INDENT_MAX),
            sort: span.sort(),
            name: label(span),
            is_error: span.status == "error",
            is_chosen: chosen == Some(span.span_id.as_str()),
            has_children: place.n_below > 0,
            odd: odd(place),
            x: x.clamp(0.0, 99.6),
            w: w.clamp(0.4, 100.0 - x.clamp(0.0, 99.6)),
            duration: format::nanos(span.duration_ns),
            tokens: if tokens > 0 { format::short(format::real(tokens)) } else { String::new() },
            cost: usage.and_then(|usage| usage.cost_nanousd).map(format::money).unwrap_or_default(),
        }
    }
}

/// Names a span in the tree: tools, agents and models by their own name where the span's name does not hold it.
pub(crate) fn label(span: &LightSpan) -> String {
    let name = if span.name.trim().is_empty() { "(no name)" } else { span.name.as_str() };
    let about = match span.sort() {
        Sort::Tool => span.tool_name.as_deref(),
        Sort::Agent => span.agent_name.as_deref(),
        Sort::Llm | Sort::Embedding => span.model.as_deref(),
        _ => None,
    };
    match about.filter(|about| !name.contains(*about)) {
        Some(about) => format!("{name} {about}"),
        None => name.to_owned(),
    }
}

/// Says what is odd about a place, in words for a hover title.
pub(crate) fn odd(place: &Place) -> Option<&'static str> {
    match place {
        Place { is_circular: true, .. } => Some("its parents form a circle"),
        Place { is_orphan: true, .. } => Some("its parent did not arrive"),
        Place { is_early: true, .. } => Some("it begins before its parent: the clocks disagree"),
        _ => None,
    }
}

fn notes(trace: &Trace) -> Vec<String> {
    let places = || trace.tree.places.iter();
    let n_orphans = places().filter(|place| place.is_orphan).count();
    let n_circles = places().filter(|place| place.is_circular).count();
    let n_early = places().filter(|place| place.is_early).count();
    let mut notes = Vec::new();
    if trace.is_cut {
        notes.push(format!("This trace has more than {} spans; the others are in the table spans.", trace.spans.len()));
    }
    if n_orphans > 0 {
        notes.push(format!("The parent of {n_orphans} span{} did not arrive.", plural(n_orphans)));
    }
    if n_circles > 0 {
        notes.push(format!("Parents form {n_circles} circle{}, cut open here.", plural(n_circles)));
    }
    if n_early > 0 {
        notes.push(format!("Clocks disagree: {n_early} span{} began before the parent.", plural(n_early)));
    }
    if trace.tree.n_repeated > 0 {
        notes.push(format!("{} span{} arrived again; the latest is shown.", trace.tree.n_repeated, plural(trace.tree.n_repeated)));
    }
    notes
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
