//! `date_trunc` of moments in UTC, which karat's all are: the engine's own asks the calendar of the time zone about every value, and takes
//! ten times as long.

use std::sync::Arc;

use arrow::array::{ArrayRef, make_array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::wrapped::{Hands, wrapped};

/// Makes the engine's `date_trunc` quick; other functions are returned as they are.
pub(crate) fn wrap(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match function.name() {
        "date_trunc" => wrapped(function, WithoutCalendar),
        _ => function,
    }
}

/// Shows moments in UTC to the function as moments without a time zone.
#[derive(Debug)]
struct WithoutCalendar;

impl Hands for WithoutCalendar {
    fn call(&self, function: &ScalarUDF, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(ColumnarValue::Array(moments)) = args.args.get(1) else { return function.invoke_with_args(args) };
        let zoned = moments.data_type().clone();
        let DataType::Timestamp(unit, Some(zone)) = &zoned else { return function.invoke_with_args(args) };
        if zone.as_ref() != "UTC" {
            return function.invoke_with_args(args);
        }
        let bare = DataType::Timestamp(*unit, None);
        args.args[1] = ColumnarValue::Array(retyped(moments, &bare)?);
        args.arg_fields[1] = Arc::new(Field::clone(&args.arg_fields[1]).with_data_type(bare.clone()));
        args.return_field = Arc::new(Field::clone(&args.return_field).with_data_type(bare));
        match function.invoke_with_args(args)? {
            ColumnarValue::Array(moments) => Ok(ColumnarValue::Array(retyped(&moments, &zoned)?)),
            ColumnarValue::Scalar(moment) => Ok(ColumnarValue::Scalar(moment.cast_to(&zoned)?)),
        }
    }
}

/// Returns the same numbers as moments of another type.
fn retyped(moments: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    Ok(make_array(moments.to_data().into_builder().data_type(data_type.clone()).build()?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use crate::session::base_state;

    #[tokio::test]
    async fn moments_are_cut_as_the_engine_cuts_them() {
        let context = SessionContext::new_with_state(base_state());
        let moments = "(values (timestamptz '2026-11-22T23:59:59.999999Z'), (timestamptz '1969-12-31T23:59:59Z'), (null), (timestamptz '2024-02-29T00:00:00Z')) as t (at)";
        for unit in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
            // A time zone of another name is cut by the calendar.
            let sql = format!(
                "select arrow_typeof(date_trunc('{unit}', at)) as kind, date_trunc('{unit}', at) as cut,
                   date_trunc('{unit}', arrow_cast(at, 'Timestamp(µs, \"Etc/UTC\")')) as by_calendar
                 from {moments} where at is null or date_trunc('{unit}', at) <> date_trunc('{unit}', arrow_cast(at, 'Timestamp(µs, \"Etc/UTC\")'))"
            );
            let rows = context.sql(&sql).await.unwrap().collect().await.unwrap();
            let text = pretty_format_batches(&rows).unwrap().to_string();
            assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1, "{unit}: {text}");
            assert!(text.contains("UTC"), "{unit}: {text}");
        }
    }
}
