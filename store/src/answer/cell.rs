//! Columns of types that a text format has no form for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringViewBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Returns the schema of [`flat`] batches.
pub(super) fn flat_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type().is_nested() {
        true => Arc::new(Field::new(field.name(), DataType::Utf8View, true)),
        false => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Writes lists, structs and maps as text, for formats whose cells hold one value.
pub(super) fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| if column.data_type().is_nested() { as_text(column) } else { Ok(Arc::clone(column)) });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(flat_schema(&batch.schema()), columns)
}

fn as_text(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::default())?;
    let mut text = StringViewBuilder::with_capacity(column.len());
    for row in 0..column.len() {
        text.append_option((!column.is_null(row)).then(|| formatter.value(row).to_string()));
    }
    Ok(Arc::new(text.finish()))
}
