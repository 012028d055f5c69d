//! What an aggregate returns: a number, or a record of several.

use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::error::DataFusionError;

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// A number; NaN, which is no value, becomes null.
    Number(f64),
    /// A count.
    Count(u64),
    /// A text, or nothing.
    Text(Option<String>),
    /// No value.
    Null,
    /// Yes or no.
    Flag(bool),
    /// Several values, in the order of the record's fields.
    Record(Vec<Cell>),
}

/// Makes the type of a record.
pub(super) fn record(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect())
}

/// Turns what a measure found into a cell of the result's type. What there is too little of has no measure, which is null.
pub(super) fn scalar(found: Result<Cell, measure::Error>, kind: &DataType) -> Result<ScalarValue> {
    match found {
        Ok(cell) => of_cell(cell, kind),
        Err(measure::Error::TooFew { .. }) => ScalarValue::try_from(kind),
        Err(error) => Err(DataFusionError::Execution(error.to_string())),
    }
}

fn of_cell(cell: Cell, kind: &DataType) -> Result<ScalarValue> {
    Ok(match cell {
        Cell::Number(number) => ScalarValue::Float64((!number.is_nan()).then_some(number)),
        Cell::Count(count) => ScalarValue::Int64(i64::try_from(count).ok()),
        Cell::Text(text) => ScalarValue::Utf8View(text),
        Cell::Null => ScalarValue::try_from(kind)?,
        Cell::Flag(flag) => ScalarValue::Boolean(Some(flag)),
        Cell::Record(cells) => {
            let DataType::Struct(fields) = kind else { return ScalarValue::try_from(kind) };
            of_record(cells, fields)?
        }
    })
}

fn of_record(cells: Vec<Cell>, fields: &Fields) -> Result<ScalarValue> {
    let columns = cells.into_iter().zip(fields).map(|(cell, field)| of_cell(cell, field.data_type())?.to_array());
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields.clone(), columns, None)?)))
}
