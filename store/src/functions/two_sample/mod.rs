//! The shape that all two-sample aggregates share: `f(value, is_current [, cluster])`.

mod categories;
mod clustered;
mod moments;
mod numbers;
mod sides;
mod vectors;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};

use super::aggregate::{Kind, aggregate};
use super::cell::{Cell, scalar};
use super::function::type_name;
pub(super) use clustered::hash;
pub(super) use sides::{Column, Sides};

/// What a measure can compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// Numbers, by their values.
    Numbers,
    /// Numbers, by count, mean and spread alone.
    Moments,
    /// Numbers, text and booleans.
    Columns,
    /// Numbers, text, booleans and lists of numbers.
    Anything,
}

/// Computes a measure of what was collected of both sides.
pub(super) type Compute = fn(&Sides) -> Result<Cell, measure::Error>;

/// Makes the aggregate `name` that compares the rows where `is_current` is true with the rows where it is false.
pub(super) fn two_sample(name: &'static str, accepts: Accepts, returns: DataType, compute: Compute) -> AggregateUDF {
    aggregate(name, TwoSample { name, accepts, returns, compute })
}

#[derive(Debug)]
struct TwoSample {
    name: &'static str,
    accepts: Accepts,
    returns: DataType,
    compute: Compute,
}

impl Kind for TwoSample {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let ([value, side] | [value, side, _]) = types else {
            return plan_err!("{name} takes two arguments, or three: {name}(value, is_current [, cluster])");
        };
        if !matches!(side, DataType::Boolean | DataType::Null) {
            return plan_err!("the second argument of {name} says which rows are current, so it must be true or false, not {}", type_name(side));
        }
        let of_categories = matches!(self.accepts, Accepts::Columns | Accepts::Anything);
        let value = match value {
            number if number.is_numeric() || number.is_null() => DataType::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean if of_categories => DataType::Utf8View,
            DataType::Boolean => DataType::Float64,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
                if self.accepts == Accepts::Anything && item.data_type().is_numeric() =>
            {
                vectors::list_type()
            }
            other => return plan_err!("{name} cannot compare values of type {}", type_name(other)),
        };
        let cluster = types.get(2).map(|_| DataType::Utf8View);
        Ok([value, DataType::Boolean].into_iter().chain(cluster).collect())
    }

    fn returns(&self) -> DataType {
        self.returns.clone()
    }

    fn state(&self, types: &[DataType]) -> Vec<(&'static str, DataType)> {
        match layout(self.accepts, types) {
            Layout::Numbers => numbers::STATE.to_vec(),
            Layout::Moments => moments::STATE.to_vec(),
            Layout::Categories => categories::STATE.to_vec(),
            Layout::Clustered => clustered::STATE.to_vec(),
            Layout::Vectors => vectors::STATE.to_vec(),
        }
    }

    fn accumulator(&self, types: &[DataType]) -> Box<dyn Accumulator> {
        match layout(self.accepts, types) {
            Layout::Numbers => self.comparison(numbers::Numbers::default()),
            Layout::Moments => self.comparison(moments::BothMoments::default()),
            Layout::Categories => self.comparison(categories::Categories::default()),
            Layout::Clustered => self.comparison(clustered::Clustered::default()),
            Layout::Vectors => self.comparison(vectors::Vectors::default()),
        }
    }
}

impl TwoSample {
    fn comparison<C: Collect>(&self, collected: C) -> Box<dyn Accumulator> {
        Box::new(Comparison { collected, returns: self.returns.clone(), compute: self.compute })
    }
}

/// How the state of a call is laid out.
enum Layout {
    Numbers,
    Moments,
    Categories,
    Clustered,
    Vectors,
}

fn layout(accepts: Accepts, types: &[DataType]) -> Layout {
    match (types.first(), types.len()) {
        (Some(DataType::List(_)), _) => Layout::Vectors,
        (_, 3) => Layout::Clustered,
        (Some(DataType::Utf8View), _) => Layout::Categories,
        _ if accepts == Accepts::Moments => Layout::Moments,
        _ => Layout::Numbers,
    }
}

/// A state that gathers both sides.
trait Collect: std::fmt::Debug + Send + Sync + 'static {
    /// Adds rows: value, side, and cluster where there is one.
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()>;
    /// Adds a row of another's state.
    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()>;
    /// Returns the parts of the state.
    fn state(&mut self) -> Vec<ScalarValue>;
    /// Returns what was gathered.
    fn sides(&mut self) -> Sides;
    /// Returns how much memory the state takes beyond itself.
    fn bytes(&self) -> usize;
}

#[derive(Debug)]
struct Comparison<C> {
    collected: C,
    returns: DataType,
    compute: Compute,
}

impl<C: Collect> Accumulator for Comparison<C> {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.collected.update(columns)
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        (0..parts[0].len()).try_for_each(|row| self.collected.merge(parts, row))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.collected.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        scalar((self.compute)(&self.collected.sides()), &self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.collected.bytes()
    }
}

/// The type of a list of numbers of single precision, as embeddings are.
fn list_of(item: DataType) -> DataType {
    DataType::List(std::sync::Arc::new(Field::new_list_field(item, true)))
}
