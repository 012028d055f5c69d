//! How often would it have paged? The monitors over history, and over histories in which nothing changed.

mod null;
mod picture;
mod rehearse;

use std::ops::Range;

use futures::future::BoxFuture;
use schema::{AlertTransition, Micros, Tenant};
use store::Store;

use crate::Monitor;
use crate::error::Error;
use crate::rule::Duration;
use crate::series::Series;
use crate::state::State;
use crate::watcher::Written;

pub use picture::html;
pub use rehearse::rehearse;

/// What one monitor would have said.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The monitor.
    pub monitor: Monitor,
    /// Its states and alerts.
    pub written: Written,
    /// Why it could not look at all.
    pub error: Option<String>,
    /// How it does where nothing changed, if that was asked for.
    pub null: Option<NullRate>,
}

/// How often a monitor alarms over histories in which nothing changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NullRate {
    /// Histories that were drawn.
    pub n_histories: usize,
    /// Histories with at least one alert that fired.
    pub n_alarmed: usize,
    /// Alerts that fired, in all of them.
    pub n_alerts: usize,
    /// Looks that could see, in all of them.
    pub n_looks: usize,
    /// Looks that ended in ALERT, in all of them.
    pub n_looks_alert: usize,
    /// Length of a history, in weeks.
    pub weeks: f64,
}

impl NullRate {
    /// False alerts a week.
    pub fn per_week(&self) -> f64 {
        self.n_alerts as f64 / (self.n_histories as f64 * self.weeks).max(f64::MIN_POSITIVE)
    }
}

impl Replayed {
    /// The alerts of quality that fired, in the order of time; one that fired again counts again.
    pub fn fired(&self) -> impl Iterator<Item = &AlertTransition> {
        self.written.transitions.iter().filter(|transition| transition.state == "firing" && transition.kind == "quality")
    }

    /// The times of its alerts.
    fn episodes(&self) -> Vec<Range<i64>> {
        let start = |alert: &AlertTransition| alert.window_start.unwrap_or(alert.time).0;
        let end = |alert: &AlertTransition| {
            let ended = self.written.transitions.iter().find(|row| row.id == alert.id && row.state == "resolved" && row.time > alert.time);
            ended.map_or(i64::MAX, |row| row.time.0)
        };
        self.fired().map(|alert| start(alert)..end(alert)).collect()
    }
}

/// Runs the monitors over history from `from` to `to`, by the same plan as live, and writes nothing.
///
/// `n_histories` above 0 also measures how often each alarms where nothing changed.
pub fn backtest<'a>(
    store: &'a Store,
    tenant: &'a Tenant,
    monitors: &'a [Monitor],
    from: Micros,
    to: Micros,
    n_histories: usize,
) -> BoxFuture<'a, Result<Vec<Replayed>, Error>> {
    Box::pin(async move {
        let mut order: Vec<&Monitor> = monitors.iter().collect();
        order.sort_by_key(|monitor| !monitor.rule.under.is_empty());
        let mut all: Vec<Replayed> = Vec::with_capacity(order.len());
        for monitor in order {
            let covers = |replayed: &&Replayed| monitor.rule.under.contains(&replayed.monitor.rule.name);
            let others: Vec<AlertTransition> = all.iter().filter(covers).flat_map(|replayed| replayed.written.transitions.clone()).collect();
            let start = Micros(from.0 - monitor.rule.reach());
            let series = Series::read(store, tenant, &monitor.rule, start, to, &monitor.limits).await;
            let monitor = monitor.clone();
            let replayed = tokio::task::spawn_blocking(move || match series {
                Ok(series) => replay(monitor, &series, &others, from, to, n_histories),
                Err(error) => Replayed { monitor, written: Written::default(), error: Some(error.to_string()), null: None },
            });
            all.push(replayed.await?);
        }
        all.sort_by(|a, b| a.monitor.rule.name.cmp(&b.monitor.rule.name));
        Ok(all)
    })
}

fn replay(monitor: Monitor, series: &Series, others: &[AlertTransition], from: Micros, to: Micros, n_histories: usize) -> Replayed {
    let written = rehearse::rehearse_under(&monitor, series, others, from, to);
    let mut replayed = Replayed { monitor, written, error: None, null: None };
    if n_histories > 0 {
        replayed.null = null_rate(&replayed.monitor, series, &replayed.episodes(), from, to, n_histories);
    }
    replayed
}

fn null_rate(monitor: &Monitor, series: &Series, bad: &[Range<i64>], from: Micros, to: Micros, n_histories: usize) -> Option<NullRate> {
    let weeks = (to.0 - from.0) as f64 / Duration::WEEK.0 as f64;
    let mut rate = NullRate { n_histories, n_alarmed: 0, n_alerts: 0, n_looks: 0, n_looks_alert: 0, weeks };
    for seed in 0..n_histories {
        let history = null::resampled(series, bad, seed as u64)?;
        let written = rehearse(monitor, &history, from, to);
        let n_alerts = written.transitions.iter().filter(|transition| transition.state == "firing" && transition.kind == "quality").count();
        rate.n_alerts += n_alerts;
        rate.n_alarmed += usize::from(n_alerts > 0);
        let whole = || written.states.iter().filter(|row| row.slice.is_empty());
        let is = |row: &&schema::MonitorState, state: State| row.state == state.name();
        rate.n_looks += whole().filter(|row| !is(row, State::NoData) && !is(row, State::Error)).count();
        rate.n_looks_alert += whole().filter(|row| is(row, State::Alert)).count();
    }
    Some(rate)
}
