//! Cases out of the tables: the rows of a SELECT, such as production spans.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};
use store::Answer;

use super::{Dataset, Vars, hex};
use crate::archive::Archive;
use crate::config::EvaluatorConfig;
use crate::error::Error;

/// Who reads, in messages.
const PLACE: &str = "dataset: its SELECT";

/// Asks for the rows, which become cases; one without an `id` is named by its trace, and its span where that is there.
pub(crate) async fn select(archive: Archive<'_>, sql: &str, config: &EvaluatorConfig) -> Result<Dataset, Error> {
    let answer = archive.query("its SELECT", sql, Vec::new(), config.dataset_rows_max).await.map_err(|error| error.within("dataset"))?;
    cases(&answer, config)
}

fn cases(answer: &Answer, config: &EvaluatorConfig) -> Result<Dataset, Error> {
    let wrong = |what: &str| Err(Error::config(format!("{PLACE} {what}")));
    if answer.truncated {
        return wrong(&format!(
            "gives more than the {} rows that can be read; end it with `limit`, or raise dataset_rows_max (and dashboard.sql_rows_max of a server)",
            answer.n_rows()
        ));
    }
    let mut columns = BTreeSet::new();
    if let Some(twice) = answer.schema.fields().iter().find(|field| !columns.insert(field.name().as_str())) {
        return wrong(&format!("gives two columns {:?}; give one of them another name with `as`", twice.name()));
    }
    if !columns.contains("id") && !columns.contains("trace_id") {
        return wrong("gives no column `id`, and no `trace_id` to name cases by");
    }
    let (mut rows, mut hash, mut bytes) = (answer.rows::<Vars>()?, Sha256::new(), 0_u64);
    if rows.is_empty() {
        return wrong("finds no row, so there is no case");
    }
    for row in &mut rows {
        let line = serde_json::to_string(row)?;
        bytes += line.len() as u64;
        hash.update(line);
        if row.get("id").is_none_or(Value::is_null) {
            row.insert("id".to_owned(), name_of(row));
        }
    }
    if bytes > config.dataset_bytes_max {
        return wrong(&format!("gives {bytes} bytes of rows, more than dataset_bytes_max = {}; select fewer", config.dataset_bytes_max));
    }
    Ok(Dataset::of(rows, hex(&hash.finalize())))
}

/// The trace of a row, with the span behind it; null where it has none.
fn name_of(row: &Vars) -> Value {
    let text = |key: &str| row.get(key).and_then(Value::as_str);
    match (text("trace_id"), text("span_id")) {
        (Some(trace_id), Some(span_id)) => Value::from(format!("{trace_id}-{span_id}")),
        (Some(trace_id), None) => Value::from(trace_id),
        (None, _) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};

    use super::*;

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringViewArray::from(values.to_vec()))
    }

    fn read(columns: Vec<(&str, ArrayRef)>, config: &EvaluatorConfig) -> Result<Vec<String>, String> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap();
        let answer = Answer { schema: batch.schema(), batches: vec![batch], truncated: false };
        let dataset = cases(&answer, config).map_err(|error| error.to_string())?;
        Ok(dataset.cases.into_iter().map(|case| case.id).collect())
    }

    #[test]
    fn cases_are_named_by_their_id_else_by_trace_and_span() {
        let config = EvaluatorConfig::default();
        let traces = || text(&[Some("aa"), Some("bb")]);
        assert_eq!(read(vec![("id", text(&[Some("x"), None])), ("trace_id", traces())], &config).unwrap(), ["x", "bb"]);
        assert_eq!(read(vec![("trace_id", traces()), ("span_id", text(&[Some("1"), None]))], &config).unwrap(), ["aa-1", "bb"]);
    }

    #[test]
    fn what_cannot_be_a_dataset_is_named() {
        let config = EvaluatorConfig::default();
        assert!(read(vec![("n", Arc::new(Int64Array::from(vec![1])))], &config).unwrap_err().contains("no column `id`"));
        assert!(read(vec![("id", text(&[]))], &config).unwrap_err().contains("no row"));
        assert!(read(vec![("id", text(&[Some("a")])), ("id", text(&[Some("b")]))], &config).unwrap_err().contains("two columns \"id\""));
        let small = EvaluatorConfig { dataset_bytes_max: 5, ..config };
        assert!(read(vec![("id", text(&[Some("a")]))], &small).unwrap_err().contains("dataset_bytes_max = 5"));
    }
}
