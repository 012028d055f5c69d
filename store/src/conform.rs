//! Batches of any origin, brought to the columns of their table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use schema::Table;

use crate::error::Error;

/// Returns the batch with exactly the columns of `schema`: found by name, cast where another writer chose another type,
/// null where an older one did not know them.
pub(crate) fn conform(batch: &RecordBatch, table: Table, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => Ok(cast(column, field.data_type())?),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
        None => Err(Error::Rows { table: table.name(), reason: format!("the column {:?} is missing", field.name()) }),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, Error>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::Rows { table: table.name(), reason: error.to_string() })
}

/// Returns the batch with text columns that take no more memory than their text, where they take much more.
///
/// A builder reserves 8 KiB a text column at once, and a slice holds on to the whole of what it is cut from.
pub(crate) fn compact(batch: RecordBatch) -> Result<RecordBatch, Error> {
    if !batch.columns().iter().any(wasteful) {
        return Ok(batch);
    }
    let (schema, columns, rows) = batch.into_parts();
    let columns = columns.into_iter().map(|column| match column.as_string_view_opt() {
        Some(views) if wasteful(&column) => Arc::new(views.gc()) as ArrayRef,
        _ => column,
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns.collect(), &options)?)
}

/// Returns a text column with one buffer where it has many small ones, as after joining batches.
pub(crate) fn one_buffer(column: ArrayRef) -> ArrayRef {
    match column.as_string_view_opt() {
        Some(views) if views.data_buffers().len() > 1 => Arc::new(views.gc()),
        _ => column,
    }
}

fn wasteful(column: &ArrayRef) -> bool {
    let Some(views) = column.as_string_view_opt() else { return false };
    let reserved: usize = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    reserved > 1024 && reserved > 2 * views.total_buffer_bytes_used()
}
