//! The first lines of a table's log: its protocol, its columns and its settings.

use schema::{Kind, Micros, Table};
use serde_json::{Value, json};

use crate::config::StoreConfig;

/// The oldest protocol, which every reader and writer of Delta tables knows.
pub(super) fn protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
}

/// The table's columns with their descriptions, its partition and its settings.
pub(super) fn metadata(table: Table, id: &str, config: &StoreConfig, now: Micros) -> Value {
    let fields = table.columns().iter().map(|column| {
        let kind = match column.kind {
            Kind::Text => "string",
            Kind::Int => "long",
            Kind::Float => "double",
            Kind::Bool => "boolean",
            Kind::Timestamp => "timestamp",
            Kind::Date => "date",
        };
        json!({"name": column.name, "type": kind, "nullable": column.nullable, "metadata": {"comment": column.doc.trim()}})
    });
    let schema = json!({"type": "struct", "fields": fields.collect::<Vec<_>>()});
    json!({"metaData": {
        "id": id,
        "name": table.name(),
        "description": table.doc().trim(),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(),
        "partitionColumns": ["date"],
        "createdTime": now.0 / 1_000,
        "configuration": {
            "delta.dataSkippingStatsColumns": statistics_columns(table).join(","),
            "delta.logRetentionDuration": format!("interval {} hours", config.log_retention_hours),
            "delta.deletedFileRetentionDuration": format!("interval {} hours", config.deleted_file_retention_hours),
            "delta.checkpointInterval": config.checkpoint_commits.to_string(),
        },
    }})
}

/// Columns whose bounds stand in the table's log, so that files are skipped unopened; few, because every reader keeps them in memory.
pub(super) fn statistics_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Spans => &["start_time", "ingested_at", "service_name", "operation", "provider", "request_model", "status", "duration_ns"],
        Table::Logs => &["time", "ingested_at", "service_name", "event_name", "severity_number"],
        Table::Metrics => &["time", "ingested_at", "service_name", "name"],
        Table::Scores => &["time", "target_time", "evaluator", "source", "outcome"],
        _ => &["time"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_columns_that_exist() {
        for table in Table::ALL {
            for name in statistics_columns(*table) {
                assert!(table.columns().iter().any(|column| column.name == *name), "{}.{name}", table.name());
            }
        }
    }
}
