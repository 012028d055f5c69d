//! `mean_ci(value [, level] [, cluster])`.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::Moments;
use measure::interval::{clustered_mean_ci, mean_ci};

use super::aggregate::{Kind, aggregate, integers, items, numbers};
use super::cell::{Cell, record, scalar};
use super::function::Make;
use super::moments::{read, write};
use super::parameters::Parameters;
use super::two_sample::hash;
use super::{Function, Section};

/// Clusters that are kept at most.
const CLUSTERS_MAX: usize = 1_000_000;

pub(super) const FUNCTION: Function = Function {
    name: "mean_ci",
    syntax: "mean_ci(value [, level] [, cluster]) -> struct(n, mean, low, high)",
    section: Section::Interval,
    doc: "Mean and its confidence interval: Student's. With a cluster (a session, a user; text, a whole number or a boolean) the error is the clustered one, \
          sqrt(G/(G-1) * sum of squared cluster sums of deviations) / n, with G - 1 degrees of freedom, which is a little too narrow for few \
          clusters of unequal sizes. A level is a number with a point, such as 0.9.",
    defaults: "level: 0.95; cluster: none, rows count as independent.",
    nulls: "Null and NaN are left out, a null cluster is one of its own; null below two values (or two clusters), no ends where a value is infinite.",
    error: "Exact for any number of rows; above 1,000,000 clusters it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, MeanCi)
}

#[derive(Debug)]
struct MeanCi;

impl Kind for MeanCi {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let number = |kind: &DataType| kind.is_numeric() || kind.is_null() || *kind == DataType::Boolean;
        match types {
            [value] if number(value) => Ok(vec![DataType::Float64]),
            [value, level] if number(value) && (level.is_floating() || matches!(level, DataType::Decimal128(..))) => Ok(vec![DataType::Float64; 2]),
            [value, _] if number(value) => Ok(vec![DataType::Float64, DataType::Utf8View]),
            [value, level, _] if number(value) && number(level) => Ok(vec![DataType::Float64, DataType::Float64, DataType::Utf8View]),
            _ => plan_err!("mean_ci takes a number: mean_ci(value [, level] [, cluster])"),
        }
    }

    fn returns(&self) -> DataType {
        record(&[("n", DataType::Int64), ("mean", DataType::Float64), ("low", DataType::Float64), ("high", DataType::Float64)])
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![
            ("moments", DataType::Float64),
            ("parameters", DataType::Float64),
            ("clusters", DataType::UInt64),
            ("counts", DataType::UInt64),
            ("sums", DataType::Float64),
        ]
    }

    fn accumulator(&self, types: &[DataType]) -> Box<dyn Accumulator> {
        let has_clusters = types.last() == Some(&DataType::Utf8View);
        Box::new(State { clusters: has_clusters.then(HashMap::default), returns: self.returns(), ..State::default() })
    }
}

#[derive(Debug)]
struct State {
    moments: Moments,
    parameters: Parameters<1>,
    /// How many values each cluster has, and their sum.
    clusters: Option<HashMap<u64, (u64, f64)>>,
    returns: DataType,
}

impl Default for State {
    fn default() -> Self {
        Self { moments: Moments::default(), parameters: Parameters::default(), clusters: None, returns: DataType::Null }
    }
}

impl State {
    fn add_to_cluster(&mut self, cluster: u64, n: u64, sum: f64) -> Result<()> {
        let Some(clusters) = &mut self.clusters else { return Ok(()) };
        if clusters.len() >= CLUSTERS_MAX && !clusters.contains_key(&cluster) {
            return exec_err!("more than {CLUSTERS_MAX} clusters; group by something first");
        }
        let known = clusters.entry(cluster).or_default();
        *known = (known.0 + n, known.1 + sum);
        Ok(())
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (parameters, clusters) = match self.clusters {
            Some(_) => (&columns[1..columns.len() - 1], columns[columns.len() - 1].as_string_view_opt()),
            None => (&columns[1..], None),
        };
        self.parameters.read(parameters);
        for (row, x) in columns[0].as_primitive::<Float64Type>().iter().enumerate() {
            let Some(x) = x.filter(|x| !x.is_nan()) else { continue };
            self.moments.add(x);
            if let Some(clusters) = clusters {
                let own = || hash(&format!("row {} {x}", self.moments.n));
                let cluster = if clusters.is_valid(row) { hash(clusters.value(row)) } else { own() };
                self.add_to_cluster(cluster, 1, x)?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            read(&parts[0], row).iter().for_each(|moments| self.moments.merge(moments));
            self.parameters.merge(&parts[1], row);
            let (clusters, counts) = (items::<UInt64Type>(&parts[2], row), items::<UInt64Type>(&parts[3], row));
            let sums: PrimitiveArray<Float64Type> = items(&parts[4], row);
            (0..clusters.len()).try_for_each(|at| self.add_to_cluster(clusters.value(at), counts.value(at), sums.value(at)))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let clusters: Vec<(u64, (u64, f64))> = self.clusters.iter().flatten().map(|(cluster, sum)| (*cluster, *sum)).collect();
        Ok(vec![
            write([&self.moments]),
            self.parameters.part(),
            integers(clusters.iter().map(|(cluster, _)| *cluster).collect()),
            integers(clusters.iter().map(|(_, (n, _))| *n).collect()),
            numbers(clusters.iter().map(|(_, (_, sum))| *sum).collect()),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let level = self.parameters.get(0, 0.95);
        let found = match &self.clusters {
            None => mean_ci(&self.moments, level),
            Some(clusters) => {
                // In order, so that the sums do not hang on the order of a hash map.
                let mut sums: Vec<(u64, f64)> = clusters.values().copied().collect();
                sums.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                clustered_mean_ci(&sums, level)
            }
        };
        let cells = |ends: measure::Interval| {
            Cell::Record(vec![Cell::Count(self.moments.n), Cell::Number(self.moments.mean), Cell::Number(ends.low), Cell::Number(ends.high)])
        };
        scalar(found.map(cells), &self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.clusters.as_ref().map_or(0, |clusters| clusters.capacity() * size_of::<(u64, (u64, f64))>())
    }
}
