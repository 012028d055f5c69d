//! A row of an answer as serde reads it.

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// A row that cannot be read into what was asked for.
#[derive(Debug)]
pub(super) struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// One row: a map from the columns' names to its cells, or a list of its cells.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl<'a> Row<'a> {
    pub(super) fn new(batch: &'a RecordBatch, row: usize) -> Self {
        Self { batch, row }
    }

    fn cell(&self, column: usize) -> Cell<'a> {
        Cell { column: self.batch.column(column), row: self.row }
    }
}

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_map(Cells { row: self, next: 0 })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Cells { row: self, next: 0 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    /// A newtype around a struct is that struct.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct map struct enum
        identifier ignored_any
    }
}

/// The cells of a row, one after the other.
struct Cells<'a> {
    row: Row<'a>,
    next: usize,
}

impl<'de> MapAccess<'de> for Cells<'_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        if self.next == self.row.batch.num_columns() {
            return Ok(None);
        }
        let schema = self.row.batch.schema_ref();
        let key: StrDeserializer<'_, ReadError> = schema.field(self.next).name().as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let column = self.next;
        self.next += 1;
        let name = || self.row.batch.schema_ref().field(column).name().clone();
        seed.deserialize(self.row.cell(column)).map_err(|error| ReadError(format!("column {:?}: {error}", name())))
    }
}

impl<'de> SeqAccess<'de> for Cells<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        if self.next == self.row.batch.num_columns() {
            return Ok(None);
        }
        self.next_value_seed(seed).map(Some)
    }
}

/// One cell.
#[derive(Clone, Copy)]
struct Cell<'a> {
    column: &'a ArrayRef,
    row: usize,
}

impl Cell<'_> {
    /// Returns the cell as text, as every text format writes it.
    fn text(&self) -> Result<String, ReadError> {
        let formatter = ArrayFormatter::try_new(self.column, &FormatOptions::default()).map_err(ReadError::custom)?;
        Ok(formatter.value(self.row).to_string())
    }

    /// Returns the number that a moment (in microseconds) or a day is; nothing for other types.
    fn as_unit(&self) -> Option<i64> {
        match self.column.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, _) => Some(self.column.as_primitive::<TimestampMicrosecondType>().value(self.row)),
            DataType::Timestamp(_, zone) => {
                let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                let cell = arrow::compute::cast(&self.column.slice(self.row, 1), &micros).ok()?;
                Some(cell.as_primitive::<TimestampMicrosecondType>().value(0))
            }
            DataType::Date32 => Some(i64::from(self.column.as_primitive::<Date32Type>().value(self.row))),
            _ => None,
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.as_unit() {
            Some(number) if !self.column.is_null(self.row) => visitor.visit_i64(number),
            _ => self.deserialize_any(visitor),
        }
    }
}

macro_rules! numbers_as_units {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let (column, row) = (self.column, self.row);
        if column.is_null(row) {
            return visitor.visit_unit();
        }
        match column.data_type() {
            DataType::Null => visitor.visit_unit(),
            DataType::Boolean => visitor.visit_bool(column.as_boolean().value(row)),
            DataType::Int8 => visitor.visit_i8(column.as_primitive::<Int8Type>().value(row)),
            DataType::Int16 => visitor.visit_i16(column.as_primitive::<Int16Type>().value(row)),
            DataType::Int32 => visitor.visit_i32(column.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => visitor.visit_i64(column.as_primitive::<Int64Type>().value(row)),
            DataType::UInt8 => visitor.visit_u8(column.as_primitive::<UInt8Type>().value(row)),
            DataType::UInt16 => visitor.visit_u16(column.as_primitive::<UInt16Type>().value(row)),
            DataType::UInt32 => visitor.visit_u32(column.as_primitive::<UInt32Type>().value(row)),
            DataType::UInt64 => visitor.visit_u64(column.as_primitive::<UInt64Type>().value(row)),
            DataType::Float32 => visitor.visit_f32(column.as_primitive::<Float32Type>().value(row)),
            DataType::Float64 => visitor.visit_f64(column.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal128(_, scale) => {
                let value = column.as_primitive::<Decimal128Type>().value(row);
                visitor.visit_f64(value as f64 / 10_f64.powi(i32::from(*scale)))
            }
            DataType::Utf8View => visitor.visit_str(column.as_string_view().value(row)),
            DataType::Utf8 => visitor.visit_str(column.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => visitor.visit_str(column.as_string::<i64>().value(row)),
            DataType::List(_) => visitor.visit_seq(Items { items: &column.as_list::<i32>().value(row), next: 0 }),
            DataType::Struct(_) => {
                let batch = RecordBatch::from(column.as_struct().slice(row, 1));
                visitor.visit_map(Cells { row: Row::new(&batch, 0), next: 0 })
            }
            DataType::Dictionary(..) => {
                let value = column.as_any_dictionary();
                let key = value.normalized_keys()[row];
                Cell { column: value.values(), row: key }.deserialize_any(visitor)
            }
            _ => visitor.visit_string(self.text()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.column.is_null(self.row) {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, name: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, ReadError> {
        let text = self.text()?;
        let text: StrDeserializer<'_, ReadError> = text.as_str().into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    numbers_as_units! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u32 deserialize_u64 deserialize_f64 }

    forward_to_deserialize_any! {
        bool i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list in a cell.
struct Items<'a> {
    items: &'a ArrayRef,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        if self.next == self.items.len() {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(Cell { column: self.items, row: self.next - 1 }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
    use schema::{Day, Micros, NanoUsd, TraceId};
    use serde::Deserialize;

    use super::*;
    use crate::answer::Answer;

    fn answer() -> Answer {
        let time = TimestampMicrosecondArray::from(vec![1_795_258_800_000_001]).with_timezone("UTC");
        let batch = RecordBatch::try_from_iter([
            ("trace_id", Arc::new(StringViewArray::from(vec!["0123456789abcdef0123456789abcdef"])) as ArrayRef),
            ("time", Arc::new(time)),
            ("date", Arc::new(Date32Array::from(vec![20_778]))),
            ("cost", Arc::new(Int64Array::from(vec![42]))),
            ("value", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ("missing", Arc::new(StringViewArray::from(vec![None::<&str>]))),
            ("kind", Arc::new(StringViewArray::from(vec!["Chat"]))),
        ])
        .unwrap();
        Answer { schema: batch.schema(), batches: vec![batch], truncated: false }
    }

    #[derive(Debug, Deserialize, PartialEq)]
    enum Kind {
        Chat,
        Tool,
    }

    #[test]
    fn a_struct_is_read_in_its_own_types() {
        #[derive(Debug, Deserialize)]
        struct Typed {
            trace_id: TraceId,
            time: Micros,
            date: Day,
            cost: NanoUsd,
            value: f64,
            missing: Option<String>,
            kind: Kind,
        }
        let rows = answer().rows::<Typed>().unwrap();
        let row = &rows[0];
        assert_eq!(row.trace_id.to_string(), "0123456789abcdef0123456789abcdef");
        assert_eq!((row.time, row.date, row.cost), (Micros(1_795_258_800_000_001), Day(20_778), NanoUsd(42)));
        assert!(row.value.is_nan() && row.missing.is_none() && row.kind == Kind::Chat && row.kind != Kind::Tool);
    }

    #[test]
    fn a_moment_can_be_read_as_text() {
        #[derive(Debug, Deserialize)]
        struct Text {
            time: String,
            date: String,
        }
        let row = answer().rows::<Text>().unwrap().remove(0);
        assert_eq!((row.time.as_str(), row.date.as_str()), ("2026-11-21T11:00:00.000001Z", "2026-11-21"));
        let value = answer().rows::<serde_json::Value>().unwrap().remove(0);
        assert_eq!(value["value"], serde_json::Value::Null);
        assert_eq!(value["cost"], 42);
    }

    #[test]
    fn tuples_are_read_in_order() {
        let rows = answer().rows::<(String, i64, i32, i64, f64, Option<String>, String)>().unwrap();
        assert_eq!((rows[0].1, rows[0].3), (1_795_258_800_000_001, 42));
    }

    #[test]
    fn an_error_names_the_column() {
        #[derive(Debug, Deserialize)]
        struct Wrong {
            #[expect(dead_code, reason = "it is never read")]
            missing: String,
        }
        let error = answer().rows::<Wrong>().unwrap_err().to_string();
        assert!(error.contains("\"missing\""), "{error}");
    }
}
