//! The open alerts, and how the monitors stand.

use schema::Micros;
use serde::{Deserialize, Serialize};

use super::traces_between;
use crate::app::{Params, Reader};
use crate::error::Error;
use crate::format;
use crate::json::Json;
use crate::pages::monitors::class_of;
use crate::range::Range;

const OPEN: &str = include_str!("../../../queries/alerts_open.sql");
const WINDOWS: &str = include_str!("../../../queries/alert_windows.sql");
const MONITORS: &str = include_str!("../../../queries/monitors.sql");
const ALERTS_MAX: usize = 200;

/// Alerts that the overview shows before the others are folded.
const ALERTS_OPEN: usize = 4;

const EXAMPLES_MAX: usize = 10;

/// How far back the last look of a monitor is searched, in microseconds: over a week, for those that look once a week.
const LOOKS: i64 = 8 * 86_400_000_000;

/// A row of `alerts_open.sql`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AlertRow {
    pub(crate) id: String,
    pub(crate) monitor: String,
    pub(crate) slice: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) severity: String,
    pub(crate) summary: String,
    pub(crate) time_us: i64,
    pub(crate) since_us: i64,
    pub(crate) value: Option<f64>,
    pub(crate) baseline: Option<f64>,
    pub(crate) effect: Option<f64>,
    pub(crate) p_value: Option<f64>,
    pub(crate) window_start_us: Option<i64>,
    pub(crate) window_end_us: Option<i64>,
    pub(crate) runbook: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) details: Option<String>,
}

/// Reads the alerts that are not resolved, the most urgent first.
pub(crate) async fn open(reader: &Reader) -> Result<Vec<AlertRow>, Error> {
    reader.rows(OPEN, Params::new(), ALERTS_MAX).await
}

/// What the top of the overview shows.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    /// Alerts that are not resolved.
    pub alerts: Vec<Alert>,
    /// How the monitors stand, where no alert is open.
    pub monitors: Vec<Standing>,
    /// When a monitor looked last.
    pub last_look: Option<String>,
    /// Windows of alerts in the range, shaded on the charts.
    pub windows: Vec<(Micros, Micros)>,
}

impl Alarms {
    /// The alerts that are shown at once.
    pub(crate) fn first(&self) -> &[Alert] {
        &self.alerts[..self.alerts.len().min(ALERTS_OPEN)]
    }

    /// The others, folded.
    pub(crate) fn rest(&self) -> &[Alert] {
        &self.alerts[self.alerts.len().min(ALERTS_OPEN)..]
    }
}

/// An alert as a card.
#[derive(Debug)]
pub(crate) struct Alert {
    /// Name of the monitor.
    pub monitor: String,
    /// The slice, where it is not the whole.
    pub slice: String,
    /// `quality` or `data`.
    pub kind: String,
    /// State.
    pub state: String,
    /// Severity.
    pub severity: String,
    /// What happened.
    pub summary: String,
    /// When it began.
    pub since: String,
    /// The same for machines.
    pub since_iso: String,
    /// How long ago that was.
    pub age: String,
    /// Figures: name and value.
    pub figures: Vec<(&'static str, String)>,
    /// The traces in its window.
    pub traces_href: Option<String>,
    /// Traces that the monitor points to.
    pub examples: Vec<String>,
    /// Where to read what to do.
    pub runbook: Option<String>,
    /// Who acknowledged or muted it.
    pub actor: Option<String>,
}

/// How many monitors are in a state.
#[derive(Debug)]
pub(crate) struct Standing {
    /// State.
    pub state: String,
    /// Its class.
    pub class: &'static str,
    /// Monitors (and slices of them) in it.
    pub n: i64,
}

#[derive(Deserialize)]
struct MonitorRow {
    state: String,
    n: i64,
    time_us: Option<i64>,
}

#[derive(Deserialize)]
struct WindowRow {
    from_us: i64,
    to_us: i64,
}

/// Reads alerts, monitors and windows.
pub(crate) async fn read(reader: &Reader, range: &Range, now: Micros) -> Result<Alarms, Error> {
    let params = Params::new().time("from", range.from).time("to", range.to);
    let lately = Params::new().time("since", Micros(now.0 - LOOKS));
    let (open, monitors, windows): (_, Vec<MonitorRow>, Vec<WindowRow>) =
        tokio::try_join!(open(reader), reader.rows(MONITORS, lately, 100), reader.rows(WINDOWS, params, 500))?;
    let last_look = monitors.iter().filter_map(|row| row.time_us).max().map(|at| format::ago(Micros(at), now));
    Ok(Alarms {
        alerts: open.into_iter().map(|row| Alert::new(row, now)).collect(),
        monitors: monitors.into_iter().map(|row| Standing { class: class_of(&row.state), state: row.state, n: row.n }).collect(),
        last_look,
        windows: windows.into_iter().map(|row| (Micros(row.from_us), Micros(row.to_us))).collect(),
    })
}

impl Alert {
    fn new(row: AlertRow, now: Micros) -> Self {
        let since = Micros(row.since_us);
        let figures = [
            ("now", row.value.map(format::figure)),
            ("before", row.baseline.map(format::figure)),
            ("change", row.effect.map(format::figure)),
            ("p", row.p_value.map(format::p_value)),
        ];
        let service = row.slice.strip_prefix("service_name=").map(|name| ("service", name));
        let session = row.slice.strip_prefix("session_id=").map(|name| ("session", name));
        let model = row.slice.strip_prefix("response_model=").or_else(|| row.slice.strip_prefix("model=")).map(|name| ("model", name));
        let filters: Vec<(&str, &str)> = [service, session, model].into_iter().flatten().collect();
        let window = row.window_start_us.zip(row.window_end_us).filter(|(from, to)| from < to);
        Self {
            traces_href: window.map(|(from, to)| traces_between(Micros(from), Micros(to), &filters)),
            examples: examples(row.details.as_deref()),
            since: format::minute(since),
            since_iso: format::rfc3339(since),
            age: format::span(now.0.saturating_sub(since.0).max(0)),
            figures: figures.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            runbook: row.runbook.filter(|link| link.starts_with("https://") || link.starts_with("http://")),
            monitor: row.monitor,
            slice: row.slice,
            kind: row.kind,
            state: row.state,
            severity: row.severity,
            summary: row.summary,
            actor: row.actor,
        }
    }
}

/// Finds the trace ids in the details of an alert, wherever they stand in it.
pub(crate) fn examples(details: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<Json<'_>> = details.and_then(Json::read).into_iter().collect();
    while let Some(json) = waiting.pop() {
        let inner = json.items().or_else(|| Some(json.fields()?.into_values().collect())).unwrap_or_default();
        waiting.extend(inner.into_iter().rev());
        if let Some(id) = json.text().and_then(|text| text.parse::<schema::TraceId>().ok()).map(|id| id.to_string())
            && !found.contains(&id)
        {
            found.push(id);
        }
    }
    found.truncate(EXAMPLES_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_are_found_in_details_of_any_shape() {
        let (a, b) = ("ab".repeat(16), "cd".repeat(16));
        let details = format!(r#"{{"traces":["{a}","{b}","{a}"],"note":"<script>","n":3}}"#);
        assert_eq!(examples(Some(&details)), [a, b]);
        assert!(examples(Some("not json")).is_empty() && examples(None).is_empty());
    }

    /// A runbook is a link that a person clicks: nothing but the web may stand in it.
    #[test]
    fn a_runbook_is_a_web_address() {
        let row = |runbook: &str| AlertRow {
            id: String::new(),
            monitor: String::new(),
            slice: "service_name=shop & co".to_owned(),
            kind: String::new(),
            state: String::new(),
            severity: String::new(),
            summary: String::new(),
            time_us: 0,
            since_us: 0,
            value: None,
            baseline: None,
            effect: None,
            p_value: None,
            window_start_us: Some(0),
            window_end_us: Some(3_600_000_000),
            runbook: Some(runbook.to_owned()),
            actor: None,
            details: None,
        };
        assert_eq!(Alert::new(row("javascript:alert(1)"), Micros(0)).runbook, None);
        let alert = Alert::new(row("https://example.com/r"), Micros(0));
        assert_eq!(alert.runbook.as_deref(), Some("https://example.com/r"));
        assert_eq!(alert.traces_href.as_deref(), Some("/traces?from=1970-01-01T00%3A00%3A00Z&to=1970-01-01T01%3A00%3A00Z&service=shop+%26+co"));
    }
}
