//! The shape that all functions over a series share: `f(value [, parameters]) over (partition by ... order by time)`.
//!
//! A row is measured against the rows before it in the window's order; the frame of the window plays no part. An infinite value is no
//! measurement: it is read as null, for one of them would be in every mean ever after.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};
use datafusion::physical_plan::PhysicalExpr;
use measure::Interval;

use super::cell::record;
use super::function::type_name;
use super::syntax_of;

/// What an argument of a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// The series: a number a row.
    Value,
    /// The time of each row.
    Time,
    /// A number that is the same for all rows and must be given.
    Required,
    /// A number that is the same for all rows, with a default.
    Optional,
}

/// What a function over a series returns.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Measured {
    /// A number a row; NaN becomes null.
    Numbers(Vec<f64>),
    /// Yes or no a row; null where the value is.
    Flags(Vec<bool>),
    /// An interval a row.
    Intervals(Vec<Interval>),
}

/// The rows of one partition, in order.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    columns: &'a [ArrayRef],
}

/// Computes a measure of the rows of one partition.
pub(super) type Compute = fn(&Rows<'_>) -> Result<Measured, measure::Error>;

/// Makes the window function `name`.
pub(super) fn series(name: &'static str, arguments: &'static [Argument], returns: DataType, compute: Compute) -> WindowUDF {
    WindowUDF::from(Series { name, arguments, returns, compute, signature: Signature::user_defined(Volatility::Immutable) })
}

/// The type of an interval.
pub(super) fn interval_type() -> DataType {
    record(&[("low", DataType::Float64), ("high", DataType::Float64)])
}

impl Rows<'_> {
    /// Returns the series; a null, and an infinite value, is NaN.
    pub(super) fn values(&self) -> Vec<f64> {
        self.columns[0].as_primitive::<Float64Type>().iter().map(|number| number.filter(|x| x.is_finite()).unwrap_or(f64::NAN)).collect()
    }

    /// Returns the time of each row in microseconds; a row without one stands at the time of the row before.
    pub(super) fn times(&self) -> Vec<i64> {
        let mut last = 0;
        let step = |time: Option<i64>| {
            last = time.unwrap_or(last);
            last
        };
        self.columns[1].as_primitive::<Int64Type>().iter().map(step).collect()
    }

    /// Returns a number that is the same for all rows.
    pub(super) fn parameter(&self, argument: usize, default: f64) -> f64 {
        let given = self.columns.get(argument).map(|column| column.as_primitive::<Float64Type>()).filter(|column| column.is_valid(0));
        given.map_or(default, |column| column.value(0))
    }

    /// Returns a number of rows that is the same for all rows; all of them where it is left out.
    pub(super) fn n_rows(&self, argument: usize, measure: &'static str, default: usize) -> Result<usize, measure::Error> {
        let value = self.parameter(argument, f64::NAN);
        if value.is_nan() {
            return Ok(default);
        }
        if value < 1.0 || value.fract() != 0.0 {
            return Err(measure::Error::Range { measure, parameter: "rows", wants: "a whole number from 1", value });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number from 1; too large ones saturate")]
        let rows = value as usize;
        Ok(rows)
    }
}

#[derive(Debug)]
struct Series {
    name: &'static str,
    arguments: &'static [Argument],
    returns: DataType,
    compute: Compute,
    signature: Signature,
}

/// A function is named once, so the name tells two apart.
impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl WindowUDFImpl for Series {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let needed = self.arguments.iter().filter(|argument| **argument != Argument::Optional).count();
        if types.len() < needed || types.len() > self.arguments.len() {
            let most = self.arguments.len();
            let many = if needed == most { format!("{needed}") } else { format!("{needed} to {most}") };
            let syntax = syntax_of(name);
            return plan_err!("{name} takes {many} argument{}, got {}: {syntax}", if most == 1 { "" } else { "s" }, types.len());
        }
        let coerced = types.iter().zip(self.arguments).map(|(given, argument)| match (argument, given) {
            (Argument::Time, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null) => {
                Ok(DataType::Timestamp(TimeUnit::Microsecond, None))
            }
            (Argument::Time, other) => plan_err!("{name} wants the time of each row as its second argument, not {}", type_name(other)),
            (_, number) if number.is_numeric() || number.is_null() || *number == DataType::Boolean => Ok(DataType::Float64),
            (_, other) => plan_err!("{name} measures numbers, not values of type {}", type_name(other)),
        });
        coerced.collect()
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), self.returns.clone(), true)))
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator { name: self.name, compute: self.compute, returns: self.returns.clone() }))
    }

    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

#[derive(Debug)]
struct Evaluator {
    name: &'static str,
    compute: Compute,
    returns: DataType,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, columns: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let columns = columns.iter().map(|column| as_numbers(column)).collect::<Result<Vec<_>>>()?;
        let found = (self.compute)(&Rows { columns: &columns }).map_err(|error| DataFusionError::Execution(error.to_string()))?;
        let array = to_array(found, &columns[0], &self.returns)?;
        if array.len() != num_rows {
            return exec_err!("{} gave {} values for {num_rows} rows", self.name, array.len());
        }
        Ok(array)
    }
}

/// Reads moments as microseconds; numbers are numbers already.
fn as_numbers(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(if column.data_type().is_temporal() { arrow::compute::cast(column, &DataType::Int64)? } else { Arc::clone(column) })
}

fn to_array(found: Measured, values: &ArrayRef, returns: &DataType) -> Result<ArrayRef> {
    let number = |x: f64| (!x.is_nan()).then_some(x);
    Ok(match found {
        Measured::Numbers(numbers) => Arc::new(numbers.into_iter().map(number).collect::<Float64Array>()),
        Measured::Flags(flags) => {
            let is_number = values.as_primitive::<Float64Type>().iter().map(|x| x.is_some_and(f64::is_finite));
            Arc::new(BooleanArray::new(flags.into(), Some(NullBuffer::from_iter(is_number))))
        }
        Measured::Intervals(intervals) => {
            let DataType::Struct(fields) = returns else { return exec_err!("an interval has two ends") };
            let end =
                |end: fn(&Interval) -> f64| Arc::new(intervals.iter().map(|interval| number(end(interval))).collect::<Float64Array>()) as ArrayRef;
            Arc::new(StructArray::try_new(fields.clone(), vec![end(|ends| ends.low), end(|ends| ends.high)], None)?)
        }
    })
}
