//! Batches of any origin, brought to the columns of their table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use schema::Table;

use crate::error::Error;

/// Returns the batch with exactly the columns of `schema`: found by name, cast where another writer chose another type,
/// null where an older one did not know them.
pub(crate) fn conform(batch: RecordBatch, table: Table, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    if batch.schema_ref() == schema {
        return Ok(batch);
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

/// Returns the batch in no more memory than its values need; cheap where it holds its columns alone.
///
/// A builder reserves 24 KiB a text column at once, and a slice holds on to the whole of what it is cut from.
pub(crate) fn compact(batch: RecordBatch) -> Result<RecordBatch, Error> {
    let (schema, columns, rows) = batch.into_parts();
    let columns = columns.into_iter().map(|mut column| {
        column.shrink_to_fit();
        match column.as_string_view_opt() {
            Some(views) if wasteful(views) => Arc::new(views.gc()) as ArrayRef,
            _ => column,
        }
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns.collect(), &options)?)
}

/// Bytes a text buffer from which on it is better kept than copied.
const LARGE_BUFFER: usize = 16 * 1024;

/// Returns a text column with one buffer where it has many small ones, as after joining batches.
pub(crate) fn one_buffer(column: ArrayRef) -> ArrayRef {
    match column.as_string_view_opt() {
        Some(views) if scattered(views) => Arc::new(views.gc()),
        _ => column,
    }
}

fn scattered(views: &StringViewArray) -> bool {
    let buffers = views.data_buffers();
    buffers.len() > 1 && buffers.iter().map(|buffer| buffer.len()).sum::<usize>() < buffers.len() * LARGE_BUFFER
}

fn wasteful(views: &StringViewArray) -> bool {
    let reserved: usize = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    reserved > 1024 && reserved > 2 * views.total_buffer_bytes_used()
}

#[cfg(test)]
mod tests {
    use schema::{Row, Span, SpanId, TraceId};

    use super::*;

    /// A thousand requests of one span each must not take half a gigabyte.
    #[test]
    fn a_small_batch_takes_little_memory() {
        let span = Span { trace_id: TraceId([1; 16]), span_id: SpanId([1; 8]), name: "x".repeat(100), ..Span::default() };
        let spans = vec![span; 1_000];
        let large = compact(Span::encode(&spans).unwrap()).unwrap();
        let slice = compact(large.slice(0, 1)).unwrap();
        let small = compact(Span::encode(&spans[..1]).unwrap()).unwrap();
        assert!(small.get_array_memory_size() < 20_000, "{}", small.get_array_memory_size());
        assert!(slice.column_by_name("name").unwrap().get_array_memory_size() < 20_000);
        assert_eq!(Span::decode(&small).unwrap(), Span::decode(&slice).unwrap());
    }
}
