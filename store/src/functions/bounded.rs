//! Keeps the engine's functions that make much out of little from taking all memory.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type, IntervalMonthDayNanoType};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

/// Bytes that one call may make for one batch of rows.
const BYTES_MAX: f64 = 64.0 * 1024.0 * 1024.0;

/// Puts a bound on a function of the engine that can make values of any size; the others are returned as they are.
pub(crate) fn wrap(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let estimate: Estimate = match function.name() {
        "repeat" => |args| text_bytes(&args[0]) * count(&args[1]),
        "lpad" | "rpad" => |args| text_bytes(&args[0]) + count(&args[1]) * 4.0,
        "array_repeat" => |args| mean_bytes(&args[0]) * count(&args[1]),
        "array_resize" => |args| count(&args[1]) * 16.0,
        "range" | "generate_series" => |args| steps(args) * 8.0,
        _ => return function,
    };
    Arc::new(ScalarUDF::from(Bounded { function, estimate }))
}

/// Estimates the bytes that a call makes out of one row of arguments a row.
type Estimate = fn(&[ArrayRef]) -> f64;

/// A function that looks at its arguments before it runs.
#[derive(Debug)]
struct Bounded {
    function: Arc<ScalarUDF>,
    estimate: Estimate,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_one_row = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_one_row { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        if arrays.len() > 1 || matches!(self.name(), "range" | "generate_series") {
            let bytes = (self.estimate)(&arrays);
            if bytes > BYTES_MAX {
                return exec_err!("{} would make {:.0} MB at once, the limit is {:.0}", self.name(), bytes / 1e6, BYTES_MAX / 1e6);
            }
        }
        self.function.invoke_with_args(args)
    }
}

/// Returns the longest text's bytes, so that a product with a sum of counts is an upper bound.
fn text_bytes(texts: &ArrayRef) -> f64 {
    let longest = match cast(texts, &DataType::Utf8View) {
        Ok(texts) => texts.as_string_view().iter().flatten().map(str::len).max(),
        Err(_) => None,
    };
    longest.unwrap_or(0) as f64
}

fn mean_bytes(values: &ArrayRef) -> f64 {
    values.to_data().get_slice_memory_size().unwrap_or(usize::MAX).max(8) as f64 / values.len().max(1) as f64
}

/// Returns the sum of the counts that are above zero.
fn count(counts: &ArrayRef) -> f64 {
    let Ok(counts) = cast(counts, &DataType::Int64) else { return f64::INFINITY };
    counts.as_primitive::<Int64Type>().iter().flatten().map(|count| count.max(0) as f64).sum()
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
