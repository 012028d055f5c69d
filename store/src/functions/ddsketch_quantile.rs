//! `ddsketch_quantile(value, q [, alpha])`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt8Array};
use arrow::datatypes::{DataType, Float64Type, UInt8Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::{Error, radix};
use sketches_ddsketch::{Config, DDSketch};

use super::aggregate::{Kind, aggregate, integers, items, list, numbers};
use super::cell::{Cell, record, scalar};
use super::function::Make;
use super::parameters::Parameters;
use super::{Function, Section};

/// Values up to which the quantile is that of the values.
const VALUES_MAX: usize = 100_000;
/// Bins of a sketch a sign, and the least magnitude that is told from zero: what the crate reads back.
const BINS_MAX: u32 = 2_048;
const LEAST: f64 = 1e-9;

pub(super) const FUNCTION: Function = Function {
    name: "ddsketch_quantile",
    syntax: "ddsketch_quantile(value, q [, alpha]) -> struct(value, n, exact)",
    section: Section::Quantile,
    doc: "A quantile, for tails of latency and cost, whose error is known: ddsketch_quantile(duration_ns, 0.99)['value']. The engine's approx_percentile_cont promises none.",
    defaults: "alpha, the relative error that is allowed above 100,000 values: 0.01.",
    nulls: "Null and NaN are left out, infinite values count as the outermost; null without a value.",
    error: "Exact (linear between ranks, numpy's default) up to 100,000 values a group; above, exact is false and the value is off from the one at that rank by at most alpha times \
            itself, for magnitudes from 1e-9 and from the greatest one over e^(4096 alpha), 6e17 by default. States merge in any order to the same bins.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, Quantile)
}

#[derive(Debug)]
struct Quantile;

impl Kind for Quantile {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if !(2..=3).contains(&types.len()) || types.iter().any(|kind| !(kind.is_numeric() || kind.is_null())) {
            return plan_err!("ddsketch_quantile takes numbers: ddsketch_quantile(value, q [, alpha])");
        }
        Ok(vec![DataType::Float64; types.len()])
    }

    fn returns(&self) -> DataType {
        record(&[("value", DataType::Float64), ("n", DataType::Int64), ("exact", DataType::Boolean)])
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("parameters", DataType::Float64), ("infinite", DataType::UInt64), ("values", DataType::Float64), ("sketch", DataType::UInt8)]
    }

    fn accumulator(&self, _: &[DataType]) -> Box<dyn Accumulator> {
        Box::new(State { parameters: Parameters::default(), infinite: [0; 2], values: Vec::new(), sketch: None, returns: self.returns() })
    }
}

/// Every finite value up to a number of them, a sketch of them above.
struct State {
    /// The quantile's level, and the sketch's error.
    parameters: Parameters<2>,
    /// Infinite values below and above all others.
    infinite: [u64; 2],
    values: Vec<f64>,
    sketch: Option<DDSketch>,
    returns: DataType,
}

/// The crate's sketch has no form of its own to print.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("n_finite", &self.n_finite()).field("infinite", &self.infinite).finish_non_exhaustive()
    }
}

impl State {
    fn add(&mut self, x: f64) -> Result<()> {
        if x.is_infinite() {
            self.infinite[usize::from(x > 0.0)] += 1;
        } else if let Some(sketch) = &mut self.sketch {
            sketch.add(x);
        } else {
            self.values.push(x);
            if self.values.len() > VALUES_MAX {
                self.sketched()?;
            }
        }
        Ok(())
    }

    /// Puts the values into the sketch, and begins one where there is none.
    fn sketched(&mut self) -> Result<&mut DDSketch> {
        let alpha = self.parameters.get(1, 0.01);
        if !(1e-6..=0.5).contains(&alpha) {
            return Err(exec_datafusion_err!("ddsketch_quantile wants alpha from 0.000001 to 0.5, got {alpha}"));
        }
        let sketch = self.sketch.get_or_insert_with(|| DDSketch::new(Config::new(alpha, BINS_MAX, LEAST)));
        std::mem::take(&mut self.values).into_iter().for_each(|x| sketch.add(x));
        Ok(sketch)
    }

    fn n_finite(&self) -> u64 {
        self.values.len() as u64 + self.sketch.as_ref().map_or(0, |sketch| sketch.count() as u64)
    }

    fn quantile(&self, q: f64) -> Result<f64, Error> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::Range { measure: FUNCTION.name, parameter: "q", wants: "from 0 to 1", value: q });
        }
        let ([below, above], finite) = (self.infinite, self.n_finite());
        let n = below + finite + above;
        if n == 0 {
            return Err(Error::TooFew { measure: FUNCTION.name, what: "values", needed: 1, found: 0 });
        }
        let rank = q * (n as f64 - 1.0);
        if rank < below as f64 {
            return Ok(f64::NEG_INFINITY);
        }
        let rank = rank - below as f64;
        if rank > finite as f64 - 1.0 {
            return Ok(f64::INFINITY);
        }
        match &self.sketch {
            Some(sketch) => Ok(sketch.quantile(rank / (finite as f64 - 1.0).max(1.0)).ok().flatten().unwrap_or(f64::NAN)),
            None => Ok(at_rank(self.values.clone(), rank)),
        }
    }
}

/// The value at a rank from 0, linear between whole ones.
fn at_rank(mut values: Vec<f64>, rank: f64) -> f64 {
    radix::sort(&mut values);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank lies between 0 and the number of values")]
    let low = rank.floor() as usize;
    let high = (low + 1).min(values.len() - 1);
    values[low] + (rank - rank.floor()) * (values[high] - values[low])
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.parameters.read(&columns[1..]);
        columns[0].as_primitive::<Float64Type>().iter().flatten().filter(|x| !x.is_nan()).try_for_each(|x| self.add(x))
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            self.parameters.merge(&parts[0], row);
            let infinite = items::<UInt64Type>(&parts[1], row);
            (0..2).for_each(|side| self.infinite[side] += infinite.value(side));
            items::<Float64Type>(&parts[2], row).values().iter().try_for_each(|x| self.add(*x))?;
            let bytes = items::<UInt8Type>(&parts[3], row);
            if !bytes.is_empty() {
                let other = DDSketch::from_java_bytes(bytes.values()).map_err(|error| exec_datafusion_err!("a sketch cannot be read: {error}"))?;
                self.sketched()?.merge(&other).map_err(|error| exec_datafusion_err!("sketches of different alpha do not merge: {error}"))?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let bytes = self.sketch.as_ref().map(DDSketch::to_java_bytes).unwrap_or_default();
        let values = std::mem::take(&mut self.values);
        Ok(vec![self.parameters.part(), integers(self.infinite.to_vec()), numbers(values), list(Arc::new(UInt8Array::from(bytes)))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let n = self.infinite[0] + self.n_finite() + self.infinite[1];
        // A group without a row has no level either.
        let found = self.quantile(self.parameters.get(0, if n == 0 { 0.5 } else { f64::NAN }));
        let cells = |value| Cell::Record(vec![Cell::Number(value), Cell::Count(n), Cell::Flag(self.sketch.is_none())]);
        scalar(found.map(cells), &self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * 8 + self.sketch.as_ref().map_or(0, |sketch| sketch.length() * 8)
    }
}
