//! `watch: threshold` and `watch: budget`: a number against a fixed limit.

use super::spread::median;
use super::{Blind, Evidence, Reading, whole};
use crate::baseline::Sample;
use crate::rule::{Level, Rule};
use crate::series::Series;
use crate::state::State;

/// Share of a budget from which its state is WARN.
const BUDGET_WARNS_AT: f64 = 0.8;

/// Refuses a window without enough rows: neither a mean nor a sum of nothing is a number that may be read as good.
fn seen(rule: &Rule, series: &Series, sample: &Sample) -> Result<(), Blind> {
    // What never came is not missed.
    if series.times.is_empty() && series.missing.times.is_empty() {
        return Err(Blind::Learning { n_past: 0, n_windows: 0 });
    }
    if sample.n() < rule.min_n {
        return Err(Blind::TooFew { n: sample.n(), min_n: rule.min_n });
    }
    Ok(())
}

pub(super) fn read(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    // A count of nothing is a number.
    if rule.level != Level::Count {
        seen(rule, series, sample)?;
    }
    let values: Vec<f64> = sample.current.iter().map(|row| series.number(*row)).collect();
    let value = match rule.level {
        // A sample of the traces holds that share of the whole.
        Level::Sum | Level::Count => level_of(rule.level, values) / series.rate,
        level => level_of(level, values),
    };
    let beyond = |limit: Option<f64>, sign: f64| limit.map(|limit| (value - limit) * sign).filter(|excess| *excess > 0.0);
    let (limit, effect) = match (beyond(rule.above, 1.0), beyond(rule.below, -1.0)) {
        (Some(excess), _) => (rule.above, excess),
        (None, Some(excess)) => (rule.below, -excess),
        (None, None) => (rule.above.or(rule.below), 0.0),
    };
    let state = if effect != 0.0 && effect.abs() >= rule.effect_floor() { State::Alert } else { State::Ok };
    Ok(Reading { value, baseline: limit, effect, evidence: Evidence::Fixed(state) })
}

pub(super) fn read_budget(rule: &Rule, series: &Series, sample: &Sample) -> Result<Reading, Blind> {
    seen(rule, series, sample)?;
    let limit = rule.limit.unwrap_or(f64::INFINITY);
    let spent = sample.current.iter().map(|row| series.number(*row)).sum::<f64>() / series.rate;
    let state = if spent > limit {
        State::Alert
    } else if spent > BUDGET_WARNS_AT * limit {
        State::Warn
    } else {
        State::Ok
    };
    Ok(Reading { value: spent, baseline: rule.limit, effect: spent / limit - 1.0, evidence: Evidence::Fixed(state) })
}

fn level_of(level: Level, mut values: Vec<f64>) -> f64 {
    let n = values.len();
    match level {
        Level::Mean => values.iter().sum::<f64>() / n as f64,
        Level::Sum => values.iter().sum(),
        Level::Count => n as f64,
        Level::Median => median(&mut values),
        Level::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Level::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Level::P95 => quantile(values, 0.95),
        Level::P99 => quantile(values, 0.99),
    }
}

/// Linear quantile (numpy's default) of at least one value.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = share * (values.len() - 1) as f64;
    let below = whole(place);
    let above = (below + 1).min(values.len() - 1);
    values[below] + (place - below as f64) * (values[above] - values[below])
}
