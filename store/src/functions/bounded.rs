//! Keeps the engine's functions that make much out of little from taking all memory, or a thread for hours.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::wrapped::{Hands, wrapped};

/// Bytes that one call may make for one batch of rows.
const BYTES_MAX: f64 = 64.0 * 1024.0 * 1024.0;

/// Steps of a function whose time grows faster than its input, that weigh as much as a byte: the bound is some seconds.
const STEPS_A_BYTE: f64 = 64.0;

/// Puts a bound on a function of the engine that can make values of any size; the others are returned as they are.
pub(crate) fn wrap(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let estimate: Estimate = match function.name() {
        "repeat" => |args| products(&args[0], &counts(&args[1])),
        "lpad" | "rpad" => |args| counts(&args[1]).into_iter().sum::<f64>() * 4.0,
        "replace" => |args| products(&args[0], &growth(&args[1], &args[2])),
        "concat" | "concat_ws" => |args| args.iter().flat_map(lengths).sum(),
        "levenshtein" => |args| products(&args[0], &lengths(&args[1])) / STEPS_A_BYTE,
        "array_repeat" => |args| mean_bytes(&args[0]) * counts(&args[1]).into_iter().sum::<f64>(),
        "array_resize" => |args| counts(&args[1]).into_iter().sum::<f64>() * 16.0,
        "range" | "generate_series" => |args| steps(args) * 8.0,
        _ => return function,
    };
    wrapped(function, Bound(estimate))
}

/// Estimates the bytes that a call makes out of one row of arguments a row.
type Estimate = fn(&[ArrayRef]) -> f64;

/// Looks at the arguments of a call before it is made.
#[derive(Debug)]
struct Bound(Estimate);

impl Hands for Bound {
    fn call(&self, function: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one_row = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_one_row { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        refuse_above_limit(function.name(), (self.0)(&arrays))?;
        function.invoke_with_args(args)
    }
}

/// Ends a call that would take too much.
pub(super) fn refuse_above_limit(name: &str, bytes: f64) -> Result<()> {
    if bytes > BYTES_MAX {
        return exec_err!("{name} would work on {:.0} MB at once, the limit is {:.0}", bytes / 1e6, BYTES_MAX / 1e6);
    }
    Ok(())
}

/// Returns the length of the text in each row, in bytes.
fn lengths(texts: &ArrayRef) -> Vec<f64> {
    match cast(texts, &DataType::Utf8View) {
        Ok(texts) => texts.as_string_view().iter().map(|text| text.map_or(0.0, |text| text.len() as f64)).collect(),
        Err(_) => vec![f64::INFINITY; texts.len()],
    }
}

/// Sums up length times factor over all rows.
fn products(texts: &ArrayRef, factors: &[f64]) -> f64 {
    lengths(texts).into_iter().zip(factors).map(|(length, factor)| length * factor).sum()
}

/// Returns by how much a text can grow where each `from` in it becomes `to`.
fn growth(from: &ArrayRef, to: &ArrayRef) -> Vec<f64> {
    lengths(from).into_iter().zip(lengths(to)).map(|(from, to)| (to / from.max(1.0)).max(1.0)).collect()
}

fn mean_bytes(values: &ArrayRef) -> f64 {
    values.to_data().get_slice_memory_size().unwrap_or(usize::MAX).max(8) as f64 / values.len().max(1) as f64
}

/// Returns the number in each row; below zero there is nothing to do.
fn counts(numbers: &ArrayRef) -> Vec<f64> {
    let Ok(numbers) = cast(numbers, &DataType::Int64) else { return vec![f64::INFINITY; numbers.len()] };
    numbers.as_primitive::<Int64Type>().iter().map(|number| number.unwrap_or(0).max(0) as f64).collect()
}

/// Returns the number of steps from start to stop over all rows, for numbers, days and moments.
fn steps(args: &[ArrayRef]) -> f64 {
    let (start, stop, step) = match args {
        [stop] => (None, stop, None),
        [start, stop] => (Some(start), stop, None),
        [start, stop, step, ..] => (Some(start), stop, Some(step)),
        [] => return 0.0,
    };
    let unit = match stop.data_type() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => 1e9,
        _ => 1.0,
    };
    let at = |array: Option<&ArrayRef>, row: usize| array.map_or(Some(0.0), |array| seconds(array, row));
    let size = |row| step.map_or(Some(1.0), |step| step_size(step, row));
    (0..stop.len()).filter_map(|row| Some((at(Some(stop), row)? - at(start, row)?).abs() * unit / size(row)?.max(1e-9))).sum()
}

/// Reads a number as it is, and a day or a moment in seconds.
fn seconds(array: &ArrayRef, row: usize) -> Option<f64> {
    let micros = matches!(array.data_type(), DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let target = if micros { DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None) } else { DataType::Int64 };
    let value = cast(&array.slice(row, 1), &target).and_then(|value| cast(&value, &DataType::Int64)).ok()?;
    (!value.is_null(0)).then(|| value.as_primitive::<Int64Type>().value(0) as f64)
}

/// Reads the size of a step, of an interval in nanoseconds.
fn step_size(step: &ArrayRef, row: usize) -> Option<f64> {
    let Some(intervals) = step.as_primitive_opt::<IntervalMonthDayNanoType>() else { return seconds(step, row).map(f64::abs) };
    let interval = intervals.value(row);
    let days = f64::from(interval.months).mul_add(28.0, f64::from(interval.days));
    (!intervals.is_null(row)).then(|| days.mul_add(86_400e9, interval.nanoseconds as f64).abs())
}
