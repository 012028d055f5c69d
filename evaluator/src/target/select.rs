//! A SELECT over the tables, asked once a case with the case's columns as parameters.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow::datatypes::DataType;
use serde::Deserialize;
use serde_json::Value;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};
use store::{Answer as Rows, Param};

use crate::dataset::{Dataset, Vars};
use crate::error::{Error, ErrorKind};
use crate::target::{Answer, Ask, Limits, recorded};
use crate::template::show;

/// Columns that say something about an answer, and are none.
const BESIDE: [&str; 4] = ["id", "trace_id", "span_id", "finish_reason"];
/// The column with the answer.
const OUTPUT: &str = "output";
/// How often tables that are busy are asked, and how long is waited after the first time.
const ATTEMPTS_MAX: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(250);

/// Settings of a provider `sql`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SelectSpec {
    /// The SELECT; `$name` is the case's column of that name.
    select: Option<String>,
}

/// A SELECT, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    sql: String,
    /// Columns of the case that it names.
    params: BTreeSet<String>,
}

impl Select {
    /// Reads a SELECT; what it names has to be a column of the dataset.
    pub(crate) fn new(place: &str, inline: Option<&str>, spec: SelectSpec, dataset: &Dataset) -> Result<Self, Error> {
        let wrong = |what: &str| Error::config(format!("{place}: {what}"));
        let sql = match (inline.map(str::to_owned), spec.select) {
            (Some(sql), None) | (None, Some(sql)) if !sql.trim().is_empty() => sql,
            _ => return Err(wrong("write one SELECT: `sql: \"select ...\"`, or `config: {select: \"select ...\"}` under the id sql")),
        };
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, &sql).tokenize().map_err(|error| wrong(&error.to_string()))?;
        let named = tokens.iter().filter_map(|token| match token {
            Token::Placeholder(name) => name.strip_prefix('$'),
            _ => None,
        });
        let params: BTreeSet<String> = named.map(str::to_owned).collect();
        for column in &params {
            dataset.expect_column(place, column)?;
        }
        Ok(Self { sql, params })
    }

    /// Asks; what may pass is tried again.
    pub(crate) async fn answer(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, String> {
        let params: Vec<(String, Param)> = self.params.iter().map(|name| (name.clone(), param_of(ask.vars.get(name)))).collect();
        let mut attempt = 0;
        loop {
            match ask.archive.query("an answer by a SELECT", &self.sql, params.clone(), 1).await {
                Ok(rows) => return answer_in(&rows, limits.bytes_max),
                Err(error) if error.kind() == ErrorKind::Retry && attempt + 1 < ATTEMPTS_MAX => {
                    tokio::time::sleep((BACKOFF * 2_u32.pow(attempt)).min(limits.timeout)).await;
                    attempt += 1;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// A column of the case as a parameter; lists and objects are JSON, as tables hold them.
fn param_of(value: Option<&Value>) -> Param {
    match value {
        None | Some(Value::Null) => Param::Null,
        Some(Value::Bool(value)) => Param::Bool(*value),
        Some(Value::Number(number)) => number.as_i64().map(Param::Int).or(number.as_f64().map(Param::Float)).unwrap_or(Param::Null),
        Some(other) => Param::Text(show(other)),
    }
}

/// The answer in the first row: its column `output`, else its only text.
fn answer_in(rows: &Rows, bytes_max: usize) -> Result<Answer, String> {
    let is_text = |kind: &DataType| matches!(kind, DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8);
    let texts = rows.schema.fields().iter().filter(|field| is_text(field.data_type()) && !BESIDE.contains(&field.name().as_str()));
    let texts: Vec<&str> = texts.map(|field| field.name().as_str()).collect();
    let column = match texts.as_slice() {
        _ if rows.schema.index_of(OUTPUT).is_ok() => OUTPUT,
        [only] => *only,
        _ => return Err(format!("the SELECT gives no column {OUTPUT:?}, and {} columns of text instead of one", texts.len())),
    };
    let row = rows.rows::<Vars>().map_err(|error| error.to_string())?.into_iter().next().ok_or("the SELECT finds no row for this case")?;
    match row.get(column) {
        None | Some(Value::Null) => Err(format!("the SELECT finds a row for this case, but no answer in its column {column:?}")),
        Some(Value::String(text)) if text.len() > bytes_max => {
            Err(format!("the answer has {} bytes, more than answer_bytes_max = {bytes_max}", text.len()))
        }
        Some(value) => Ok(recorded(value, &row)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};

    use super::*;

    fn select(sql: &str) -> Result<Select, Error> {
        let rows = vec![Vars::from_iter([("id".to_owned(), Value::from("a")), ("question".to_owned(), Value::from("q"))])];
        Select::new("provider", Some(sql), SelectSpec::default(), &Dataset::of(rows, String::new()))
    }

    #[test]
    fn parameters_are_columns_of_the_case() {
        let found = select("select output_text from llm_calls where span_id = $id and name <> '$nothing'").unwrap();
        assert_eq!(found.params, BTreeSet::from(["id".to_owned()]));
        assert!(select("select $qestion").unwrap_err().to_string().contains("did you mean \"question\""));
        assert!(select(" ").is_err());
    }

    fn row(columns: Vec<(&str, ArrayRef)>, n: usize) -> Result<Answer, String> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap().slice(0, n);
        answer_in(&Rows { schema: batch.schema(), batches: vec![batch], truncated: false }, 100)
    }

    #[test]
    fn the_answer_is_output_or_the_only_text() {
        let text = |value: Option<&str>| Arc::new(StringViewArray::from(vec![value])) as ArrayRef;
        let duration = Arc::new(Int64Array::from(vec![2_500_000])) as ArrayRef;
        let found = row(vec![("output_text", text(Some("yes"))), ("trace_id", text(Some("ab"))), ("duration_ns", duration)], 1).unwrap();
        assert_eq!((found.output, found.trace_id.as_deref(), found.latency_ms), (Value::from("yes"), Some("ab"), Some(2.5)));
        assert_eq!(row(vec![("other", text(Some("no"))), ("output", text(Some("yes")))], 1).unwrap().output, "yes");
        assert!(row(vec![("a", text(Some("x"))), ("b", text(Some("y")))], 1).unwrap_err().contains("2 columns of text"));
        assert!(row(vec![("a", text(None))], 1).unwrap_err().contains("no answer in its column \"a\""));
        assert_eq!(row(vec![("a", text(Some("x")))], 0).unwrap_err(), "the SELECT finds no row for this case");
    }
}
