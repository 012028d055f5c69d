//! Columns of any type as the times and texts that a series is made of.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::SeriesError;

pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, SeriesError> {
    batch.column_by_name(name).ok_or_else(|| {
        let found: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        SeriesError::MissingColumn { column: name.to_owned(), found: found.join(", ") }
    })
}

/// Reads a timestamp column of any unit as microseconds.
pub(super) fn times_of(array: &ArrayRef) -> Result<Vec<Option<i64>>, SeriesError> {
    let times = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            array.as_primitive::<TimestampSecondType>().iter().map(|time| time.and_then(|time| time.checked_mul(1_000_000))).collect()
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().iter().map(|time| time.and_then(|time| time.checked_mul(1_000))).collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array.as_primitive::<TimestampNanosecondType>().iter().map(|time| time.map(|time| time.div_euclid(1_000))).collect()
        }
        other => return Err(SeriesError::WrongType { column: "time", found: other.to_string(), wanted: "a timestamp" }),
    };
    Ok(times)
}

/// A column read as text, whatever its type.
pub(super) struct Texts(ArrayRef);

impl Texts {
    pub fn of(array: &ArrayRef) -> Result<Self, SeriesError> {
        match array.data_type() {
            DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8 => Ok(Self(array.clone())),
            _ => Ok(Self(shown(array)?)),
        }
    }

    pub fn get(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.0.is_null(row) {
            return None;
        }
        let text = match self.0.data_type() {
            DataType::Utf8View => self.0.as_string_view().value(row),
            DataType::LargeUtf8 => self.0.as_string::<i64>().value(row),
            _ => self.0.as_string::<i32>().value(row),
        };
        Some(text.into())
    }
}

/// Writes every value of a column as text.
fn shown(array: &ArrayRef) -> Result<ArrayRef, SeriesError> {
    let wrong = |_| SeriesError::WrongType { column: "slices", found: array.data_type().to_string(), wanted: "text, a number or a boolean" };
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(wrong)?;
    let texts: arrow::array::StringArray = (0..array.len()).map(|row| (!array.is_null(row)).then(|| formatter.value(row).to_string())).collect();
    Ok(std::sync::Arc::new(texts))
}
