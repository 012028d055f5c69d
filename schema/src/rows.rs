//! Rows to record batches and back, column by column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringViewBuilder, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;

use crate::id::{SpanId, TraceId};
use crate::table::{Column, Kind, Table};
use crate::unit::{Day, Micros, NanoUsd};

/// A batch that does not hold the rows it is read as.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The batch lacks a column of the table.
    #[error("batch has no column {column:?} of table {table}")]
    MissingColumn {
        /// The column that was looked for.
        column: &'static str,
        /// The table's name.
        table: &'static str,
    },
    /// The column holds another type, or a value that cannot be read.
    #[error("column {column:?} of table {table} holds {found}, which cannot be read")]
    Unreadable {
        /// The column's name.
        column: &'static str,
        /// The table's name.
        table: &'static str,
        /// The Arrow type found.
        found: String,
    },
    /// Arrow refused to build the batch.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// A struct that is one row of one table.
pub trait Row: Sized {
    /// The table whose rows these are.
    const TABLE: Table;

    /// Lists the columns in the table's order.
    fn columns() -> &'static [Column];

    /// Builds one record batch with the table's schema out of rows.
    fn encode(rows: &[Self]) -> Result<RecordBatch, RowsError>;

    /// Reads every row of a batch; columns are found by name, so that their order does not matter.
    fn decode(batch: &RecordBatch) -> Result<Vec<Self>, RowsError>;
}

/// A Rust type that can be a cell of a table.
pub trait Cell: Sized {
    /// The column kind that holds it.
    const KIND: Kind;
    /// Whether the column may hold nulls.
    const NULLABLE: bool;

    /// Builds a column out of one cell of each row.
    fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef
    where
        Self: 'a;

    /// Reads the cell at `row`, or nothing if the array holds another type.
    fn read(array: &dyn Array, row: usize) -> Option<Self>;
}

macro_rules! number_cell {
    ($type:ty, $kind:expr, $array:ty, $arrow:ty, $get:expr, $make:expr, $finish:expr) => {
        impl Cell for $type {
            const KIND: Kind = $kind;
            const NULLABLE: bool = false;

            fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
                Arc::new($finish(<$array>::from_iter_values(cells.map($get))))
            }

            fn read(array: &dyn Array, row: usize) -> Option<Self> {
                let array = array.as_primitive_opt::<$arrow>()?;
                (!array.is_null(row)).then(|| $make(array.value(row)))
            }
        }

        impl Cell for Option<$type> {
            const KIND: Kind = $kind;
            const NULLABLE: bool = true;

            fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
                Arc::new($finish(cells.map(|cell| cell.as_ref().map($get)).collect::<$array>()))
            }

            fn read(array: &dyn Array, row: usize) -> Option<Self> {
                let array = array.as_primitive_opt::<$arrow>()?;
                Some((!array.is_null(row)).then(|| $make(array.value(row))))
            }
        }
    };
}

number_cell!(i64, Kind::Int, Int64Array, Int64Type, |n: &i64| *n, |n| n, |a| a);
number_cell!(f64, Kind::Float, Float64Array, Float64Type, |n: &f64| *n, |n| n, |a| a);
number_cell!(NanoUsd, Kind::Int, Int64Array, Int64Type, |n: &NanoUsd| n.0, NanoUsd, |a| a);
number_cell!(Day, Kind::Date, Date32Array, Date32Type, |n: &Day| n.0, Day, |a| a);
number_cell!(
    Micros,
    Kind::Timestamp,
    TimestampMicrosecondArray,
    TimestampMicrosecondType,
    |n: &Micros| n.0,
    Micros,
    |a: TimestampMicrosecondArray| a.with_timezone("UTC")
);

impl Cell for bool {
    const KIND: Kind = Kind::Bool;
    const NULLABLE: bool = false;

    fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
        Arc::new(BooleanArray::from_iter(cells.map(|cell| Some(*cell))))
    }

    fn read(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_boolean_opt()?;
        (!array.is_null(row)).then(|| array.value(row))
    }
}

impl Cell for Option<bool> {
    const KIND: Kind = Kind::Bool;
    const NULLABLE: bool = true;

    fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
        Arc::new(BooleanArray::from_iter(cells.copied()))
    }

    fn read(array: &dyn Array, row: usize) -> Option<Self> {
        let array = array.as_boolean_opt()?;
        Some((!array.is_null(row)).then(|| array.value(row)))
    }
}

/// A Rust type that is written as text.
trait TextCell: Sized {
    /// Bytes of the text.
    fn len(&self) -> usize;
    fn append(&self, column: &mut StringViewBuilder);
    fn parse(text: &str) -> Option<Self>;
}

/// Longest text that a view holds in itself.
const INLINE: usize = 12;

/// Builds a text column in exactly the memory that its values need: most columns of most batches are empty or short.
fn text_column<'a, T: TextCell + 'a>(cells: impl Iterator<Item = Option<&'a T>> + Clone) -> ArrayRef {
    let rows = cells.clone().count();
    let lengths = cells.clone().flatten().map(TextCell::len);
    if lengths.clone().next().is_none() {
        return new_null_array(&DataType::Utf8View, rows);
    }
    let long: usize = lengths.filter(|length| *length > INLINE).sum();
    let block = u32::try_from(long).unwrap_or(u32::MAX).max(1);
    let mut column = StringViewBuilder::with_capacity(rows).with_fixed_block_size(block);
    cells.for_each(|cell| match cell {
        Some(cell) => cell.append(&mut column),
        None => column.append_null(),
    });
    Arc::new(column.finish())
}

impl TextCell for String {
    fn len(&self) -> usize {
        self.len()
    }
    fn append(&self, column: &mut StringViewBuilder) {
        column.append_value(self);
    }
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl TextCell for TraceId {
    fn len(&self) -> usize {
        32
    }
    fn append(&self, column: &mut StringViewBuilder) {
        column.append_value(self.hex(&mut [0; 32]));
    }
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl TextCell for SpanId {
    fn len(&self) -> usize {
        16
    }
    fn append(&self, column: &mut StringViewBuilder) {
        column.append_value(self.hex(&mut [0; 16]));
    }
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

macro_rules! text_cell {
    ($type:ty) => {
        impl Cell for $type {
            const KIND: Kind = Kind::Text;
            const NULLABLE: bool = false;

            fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
                text_column(cells.map(Some))
            }

            fn read(array: &dyn Array, row: usize) -> Option<Self> {
                text_at(array, row)?.and_then(Self::parse)
            }
        }

        impl Cell for Option<$type> {
            const KIND: Kind = Kind::Text;
            const NULLABLE: bool = true;

            fn column<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> ArrayRef {
                text_column(cells.map(Option::as_ref))
            }

            fn read(array: &dyn Array, row: usize) -> Option<Self> {
                match text_at(array, row)? {
                    Some(text) => <$type>::parse(text).map(Some),
                    None => Some(None),
                }
            }
        }
    };
}

text_cell!(String);
text_cell!(TraceId);
text_cell!(SpanId);

/// Reads text out of any of Arrow's three string layouts; `Some(None)` is a null.
fn text_at(array: &dyn Array, row: usize) -> Option<Option<&str>> {
    if array.is_null(row) {
        return Some(None);
    }
    if let Some(views) = array.as_string_view_opt() {
        return Some(Some(views.value(row)));
    }
    if let Some(strings) = array.as_string_opt::<i32>() {
        return Some(Some(strings.value(row)));
    }
    array.as_string_opt::<i64>().map(|strings| Some(strings.value(row)))
}

/// Declares one table: the struct of its row, and the columns that follow from the struct's fields.
macro_rules! table_row {
    (
        $(#[doc = $row_doc:literal])+
        $row:ident in $table:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $type:ty, )+
        }
    ) => {
        $(#[doc = $row_doc])+
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $row {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl $crate::rows::Row for $row {
            const TABLE: $crate::table::Table = $crate::table::Table::$table;

            fn columns() -> &'static [$crate::table::Column] {
                const COLUMNS: &[$crate::table::Column] = &[
                    $( $crate::table::Column {
                        name: stringify!($field),
                        kind: <$type as $crate::rows::Cell>::KIND,
                        nullable: <$type as $crate::rows::Cell>::NULLABLE,
                        doc: concat!($($doc),+),
                    }, )+
                ];
                COLUMNS
            }

            fn encode(rows: &[Self]) -> Result<arrow::array::RecordBatch, $crate::rows::RowsError> {
                let columns: Vec<arrow::array::ArrayRef> = vec![
                    $( <$type as $crate::rows::Cell>::column(rows.iter().map(|row| &row.$field)), )+
                ];
                Ok(arrow::array::RecordBatch::try_new(Self::TABLE.arrow_schema(), columns)?)
            }

            fn decode(batch: &arrow::array::RecordBatch) -> Result<Vec<Self>, $crate::rows::RowsError> {
                let mut rows = vec![Self::default(); batch.num_rows()];
                $(
                    let column = $crate::rows::column_of::<Self>(batch, stringify!($field))?;
                    for (index, row) in rows.iter_mut().enumerate() {
                        row.$field = <$type as $crate::rows::Cell>::read(column, index)
                            .ok_or_else(|| $crate::rows::unreadable::<Self>(stringify!($field), column))?;
                    }
                )+
                Ok(rows)
            }
        }
    };
}
pub(crate) use table_row;

/// Finds a column by name, or says which one is missing.
pub(crate) fn column_of<'a, R: Row>(batch: &'a RecordBatch, column: &'static str) -> Result<&'a dyn Array, RowsError> {
    match batch.column_by_name(column) {
        Some(array) => Ok(array.as_ref()),
        None => Err(RowsError::MissingColumn { column, table: R::TABLE.name() }),
    }
}

/// The error for a column of the wrong type.
pub(crate) fn unreadable<R: Row>(column: &'static str, array: &dyn Array) -> RowsError {
    RowsError::Unreadable { column, table: R::TABLE.name(), found: array.data_type().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Score, Span};

    #[test]
    fn rows_survive_the_round_trip() {
        let span = Span {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([9; 8]),
            start_time: Micros(1_700_000_000_000_001),
            date: Micros(1_700_000_000_000_001).day(),
            name: "chat gpt-4o".to_owned(),
            input_tokens: Some(12),
            cost_nanousd: Some(NanoUsd(-3)),
            temperature: Some(0.2),
            streaming: Some(false),
            output_text: Some("päris \u{0}".to_owned()),
            ..Span::default()
        };
        let rows = vec![span, Span { trace_id: TraceId([1; 16]), span_id: SpanId([1; 8]), ..Span::default() }];
        let batch = Span::encode(&rows).unwrap();
        assert_eq!(batch.schema(), Table::Spans.arrow_schema());
        assert_eq!(Span::decode(&batch).unwrap(), rows);
    }

    #[test]
    fn a_batch_of_another_table_is_refused() {
        let batch = Score::encode(&[Score::default()]).unwrap();
        assert!(matches!(
            Span::decode(&batch),
            Err(RowsError::MissingColumn { column: "trace_id" | "span_id" | "parent_span_id" | "start_time", .. })
                | Err(RowsError::Unreadable { .. })
        ));
    }
}
