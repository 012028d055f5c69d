//! How the columns of a file are encoded: compressed, sorted by time, with filters over ids and without dictionaries of long text.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use schema::{Kind, Table};

use crate::config::StoreConfig;
use crate::error::Error;

/// The partition column, which files do not hold.
pub(crate) const DATE: &str = "date";
/// The column that tells when a row arrived, in the tables that have it.
pub(crate) const INGESTED: &str = "ingested_at";

/// Pages of files for rows that just came, in bytes before they are compressed: what such a page takes fits what the allocator keeps at hand, while
/// a larger one is memory fresh from the system each time, which it clears first.
const INGEST_PAGE_BYTES: usize = 128 * 1024;
/// Pages of files that stay, in bytes before they are compressed: whoever wants one long text reads its page.
const KEEP_PAGE_BYTES: usize = 256 * 1024;

/// What a file is written for, which decides what is spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Rows that just came: soon rewritten, and CPU is wanted for the next ones.
    Ingest,
    /// Rows that stay as they are for long: smaller on disk, and with finer filters, because there will be many such files.
    Keep,
}

/// Returns the columns that files of a table hold.
pub(crate) fn file_schema(table: Table) -> SchemaRef {
    let schema = table.arrow_schema();
    Arc::new(Schema::new(schema.fields().iter().filter(|field| field.name() != DATE).cloned().collect::<Vec<_>>()))
}

/// Returns how a file of so many rows is written.
pub(crate) fn properties(table: Table, rows: u64, effort: Effort, config: &StoreConfig) -> Result<WriterProperties, Error> {
    let (level, misses, group_bytes, page_bytes) = match effort {
        Effort::Ingest => (1, 0.01, config.row_group_bytes, INGEST_PAGE_BYTES),
        Effort::Keep => (config.compact_zstd_level, 0.000_1, config.joined_group_bytes(), KEEP_PAGE_BYTES),
    };
    let schema = file_schema(table);
    let sorted_by = schema.index_of(table.time_column()).ok().and_then(|index| i32::try_from(index).ok());
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_created_by(concat!("karat version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_bytes(Some(group_bytes))
        .set_data_page_size_limit(page_bytes)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(sorted_by.map(|column_idx| vec![SortingColumn { column_idx, descending: false, nulls_first: false }]));
    for column in table.columns() {
        let path = ColumnPath::from(column.name);
        // A decompressor takes longer to make than such a chunk takes to read, and what it saves is a hundredth of the file.
        if column.kind != Kind::Text || LABELS.contains(&column.name) {
            properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
        }
        match (column.kind, shape_of(column.name)) {
            (Kind::Timestamp, _) | (_, Shape::Rising) => {
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
                    .set_column_statistics_enabled(path, EnabledStatistics::Page);
            }
            (_, Shape::Id) => {
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_bloom_filter_enabled(path.clone(), true)
                    .set_column_bloom_filter_fpp(path.clone(), misses)
                    .set_column_bloom_filter_max_ndv(path, rows.max(1));
            }
            (_, Shape::Unique) => properties = properties.set_column_dictionary_enabled(path, false),
            (_, Shape::BigText) => {
                properties =
                    properties.set_column_dictionary_enabled(path.clone(), false).set_column_statistics_enabled(path, EnabledStatistics::None);
            }
            (_, Shape::Plain) => {}
        }
    }
    Ok(properties.build())
}

/// Columns of text that have few values, which the dictionary makes as short as they can be.
const LABELS: [&str; 31] = [
    "service_name",
    "service_version",
    "environment",
    "kind",
    "status",
    "error_type",
    "scope_name",
    "scope_version",
    "dialect",
    "operation",
    "provider",
    "provider_raw",
    "request_model",
    "response_model",
    "finish_reason",
    "service_tier",
    "cost_source",
    "agent_name",
    "workflow_name",
    "tool_name",
    "severity_text",
    "event_name",
    "unit",
    "temporality",
    "evaluator",
    "evaluator_version",
    "outcome",
    "label",
    "source",
    "judge_model",
    "monitor",
];

/// What is known of a column's values, by its name.
enum Shape {
    /// Values that repeat.
    Plain,
    /// Numbers that rise with the time of the row.
    Rising,
    /// Random ids that people look up.
    Id,
    /// Values of which hardly two are equal.
    Unique,
    /// Long text, that is read when a row is shown.
    BigText,
}

fn shape_of(column: &str) -> Shape {
    match column {
        "start_unix_nano" | "time_unix_nano" => Shape::Rising,
        "trace_id" | "span_id" | "session_id" => Shape::Id,
        "parent_span_id" | "response_id" | "id" | "duration_ns" => Shape::Unique,
        "attributes"
        | "events"
        | "links"
        | "body"
        | "buckets"
        | "metadata"
        | "reason"
        | "system_instructions"
        | "input_messages"
        | "output_messages"
        | "tool_definitions"
        | "tool_arguments"
        | "tool_result"
        | "documents"
        | "input_text"
        | "output_text" => Shape::BigText,
        _ => Shape::Plain,
    }
}
