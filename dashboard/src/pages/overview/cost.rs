//! Cost and tokens over time.

use std::collections::BTreeMap;

use schema::Micros;
use serde::Deserialize;

use crate::app::{Params, Reader};
use crate::chart::{Axis, Chart, Series};
use crate::error::Error;
use crate::format;
use crate::range::{Grid, Range};

const SERIES: &str = include_str!("../../../queries/cost_series.sql");
const TOTAL: &str = include_str!("../../../queries/cost_total.sql");

/// Models with a colour of their own; the others share one.
const COLOURS: [&str; 4] = ["gold", "teal", "plum", "slate"];

#[derive(Debug, Deserialize)]
struct CostRow {
    bucket: i64,
    model: Option<String>,
    cost_nanousd: Option<i64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    n_calls: i64,
    n_unpriced: Option<i64>,
}

/// What model calls cost.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// Cost in all, in nano-dollars.
    pub nanousd: i64,
    /// Model calls in all.
    pub n_calls: i64,
    /// Those that nothing could price.
    pub n_unpriced: i64,
    /// Cost over time by model.
    pub chart: Chart,
    /// Tokens over time.
    pub tokens_chart: Chart,
    /// Cost and tokens by model.
    pub models: BTreeMap<String, ModelCost>,
}

/// What the calls of one model cost.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ModelCost {
    /// In nano-dollars.
    pub nanousd: i64,
    /// Input tokens.
    pub input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
}

/// Reads cost and tokens of a range.
pub(crate) async fn read(reader: &Reader, range: &Range, grid: &Grid, windows: &[(Micros, Micros)]) -> Result<Cost, Error> {
    let params = grid.params(Params::new().time("from", range.from).time("to", range.to));
    let rows: Vec<CostRow> = reader.rows(SERIES, params, 20_000).await?;
    Ok(lay_out(&rows, grid, windows))
}

/// Reads what a range cost in all.
pub(crate) async fn total(reader: &Reader, range: &Range) -> Result<Option<i64>, Error> {
    #[derive(Deserialize)]
    struct Total {
        cost_nanousd: Option<i64>,
    }
    let params = Params::new().time("from", range.from).time("to", range.to);
    Ok(reader.first::<Total>(TOTAL, params).await?.and_then(|total| total.cost_nanousd))
}

fn lay_out(rows: &[CostRow], grid: &Grid, windows: &[(Micros, Micros)]) -> Cost {
    let mut models: BTreeMap<String, ModelCost> = BTreeMap::new();
    let mut cost = Cost::default();
    for row in rows {
        let model = models.entry(name_of(row)).or_default();
        model.nanousd = model.nanousd.saturating_add(row.cost_nanousd.unwrap_or(0));
        model.input_tokens = model.input_tokens.saturating_add(row.input_tokens.unwrap_or(0));
        model.output_tokens = model.output_tokens.saturating_add(row.output_tokens.unwrap_or(0));
        cost.nanousd = cost.nanousd.saturating_add(row.cost_nanousd.unwrap_or(0));
        cost.n_calls = cost.n_calls.saturating_add(row.n_calls);
        cost.n_unpriced = cost.n_unpriced.saturating_add(row.n_unpriced.unwrap_or(0));
    }
    let mut dearest: Vec<(&String, i64)> = models.iter().map(|(name, model)| (name, model.nanousd)).filter(|(_, nanousd)| *nanousd > 0).collect();
    dearest.sort_by_key(|(name, nanousd)| (std::cmp::Reverse(*nanousd), name.as_str()));
    let n_named = if dearest.len() > COLOURS.len() { COLOURS.len() - 1 } else { dearest.len() };

    let mut series: Vec<Series> = dearest[..n_named]
        .iter()
        .zip(COLOURS)
        .map(|((name, _), class)| Series::new(name.as_str(), class, sum(rows, grid, |row| if name_of(row) == **name { dollars(row) } else { None })))
        .collect();
    if dearest.len() > n_named {
        let others: Vec<&str> = dearest[n_named..].iter().map(|(name, _)| name.as_str()).collect();
        series.push(Series::new("others", "slate", sum(rows, grid, |row| if others.contains(&name_of(row).as_str()) { dollars(row) } else { None })));
    }
    let tokens = [
        Series::new("input", "ink", sum(rows, grid, |row| row.input_tokens.map(format::real))),
        Series::new("output", "gold", sum(rows, grid, |row| row.output_tokens.map(format::real))),
    ];
    let n_tokens = models.values().fold(0i64, |sum, model| sum.saturating_add(model.input_tokens).saturating_add(model.output_tokens));
    cost.chart = Chart::stacked("Cost", grid, &series, Axis::of(dollar_label).with_floor(0.001))
        .with_figure(format::money(cost.nanousd))
        .with_shades(grid, windows);
    cost.tokens_chart = Chart::stacked("Tokens", grid, &tokens, Axis::of(format::short))
        .with_figure(format::short(format::real(n_tokens)))
        .with_shades(grid, windows);
    cost.models = models;
    cost
}

fn name_of(row: &CostRow) -> String {
    row.model.clone().unwrap_or_else(|| "(unknown)".to_owned())
}

fn dollars(row: &CostRow) -> Option<f64> {
    row.cost_nanousd.map(|nanousd| format::real(nanousd) / 1e9)
}

fn dollar_label(dollars: f64) -> String {
    match dollars {
        0.0 => "$0".to_owned(),
        d if d >= 1_000.0 => format!("${}", format::short(d)),
        d if d >= 10.0 => format!("${d:.0}"),
        d if d >= 0.1 => format!("${d:.2}"),
        d => format!("${d:.4}").trim_end_matches('0').to_owned(),
    }
}

fn sum(rows: &[CostRow], grid: &Grid, value: impl Fn(&CostRow) -> Option<f64>) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = vec![None; grid.n];
    for row in rows {
        let slot = usize::try_from(row.bucket).ok().and_then(|bucket| values.get_mut(bucket));
        if let (Some(slot), Some(value)) = (slot, value(row)) {
            *slot = Some(slot.unwrap_or(0.0) + value);
        }
    }
    values
}
