//! Any SELECT over the result's row.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlparser::ast::{SetExpr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use store::{Answer, QueryOptions, Scratch};

use crate::checks::spec::Context;
use crate::checks::{OUTPUT, Scale, Subject, Verdict};
use crate::dataset::{Dataset, hex};
use crate::error::Error;
use crate::spec::CheckSpec;
use crate::template::show;

/// The name of the table with the one row.
const TABLE: &str = "result";
/// The column that says why, where a SELECT gives it beside its first.
const REASON: &str = "reason";
/// What is known of an answer, with its types; a column of the case with such a name stands behind.
const KNOWN: [(&str, DataType); 5] = [
    (OUTPUT, DataType::Utf8View),
    ("prompt", DataType::Utf8View),
    ("finish_reason", DataType::Utf8View),
    ("latency_ms", DataType::Float64),
    ("cost_usd", DataType::Float64),
];

/// `sql`: the first column of a SELECT over `result`, a row with the answer and the case's columns. A boolean passes or fails, a number is the
/// value, null is not applicable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sql {
    sql: String,
    columns: SchemaRef,
    scale: Scale,
}

impl Sql {
    /// Plans the SELECT over the dataset's columns; of rows that nobody has seen, its names are not checked.
    pub(crate) fn new(spec: &CheckSpec, context: &Context<'_>) -> Result<Self, Error> {
        let text = spec.select.as_ref().filter(|text| !text.trim().is_empty());
        let sql = completed(text.ok_or_else(|| context.error("sql needs `select`, such as \"length(output) < 200\""))?);
        let columns = columns_of(context.dataset);
        if context.dataset.is_unseen {
            return Ok(Self { sql, columns, scale: Scale::Rate });
        }
        let planned = Scratch::plan(&sql, TABLE, Arc::clone(&columns)).map_err(|error| context.error(&error.to_string()))?;
        let scale = match planned.fields().first().map(|field| field.data_type()) {
            Some(DataType::Boolean) => Scale::Rate,
            Some(kind) if kind.is_numeric() => Scale::Unbounded,
            _ => return Err(context.error("the first column of the SELECT is to be a boolean (it passes or fails) or a number (its value)")),
        };
        Ok(Self { sql, columns, scale })
    }

    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    pub(crate) fn signature(&self) -> String {
        format!("sql {}", &hex(&Sha256::digest(&self.sql))[..16])
    }

    pub(crate) async fn verdict(&self, subject: &Subject<'_>, scratch: &Scratch, deadline: Duration) -> Verdict {
        let options = QueryOptions { params: Vec::new(), max_rows: 1, deadline };
        let answered = match self.row(subject) {
            Ok(row) => scratch.query(&self.sql, TABLE, row, &options).await.map_err(|error| error.to_string()),
            Err(what) => Err(what),
        };
        answered.and_then(|answer| verdict_of(&answer)).unwrap_or_else(Verdict::failed)
    }

    /// The result as the only row of a table.
    fn row(&self, subject: &Subject<'_>) -> Result<RecordBatch, String> {
        let known = |name: &str| match name {
            OUTPUT => Some(Value::from(subject.output)),
            "prompt" => Some(Value::from(subject.prompt)),
            "finish_reason" => Some(Value::from(subject.finish_reason)),
            "latency_ms" => Some(Value::from(subject.latency_ms)),
            "cost_usd" => Some(Value::from(subject.cost_usd)),
            _ => None,
        };
        let column = |field: &Arc<Field>| {
            let value = known(field.name()).or_else(|| subject.vars.get(field.name()).cloned()).unwrap_or_default();
            cell(&value, field.data_type())
                .ok_or_else(|| format!("column {:?} of the case is {value}, which is no {}", field.name(), field.data_type()))
        };
        let columns = self.columns.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.columns), columns).map_err(|error| error.to_string())
    }
}

/// A SELECT as it stands, or what would stand after one; one that names no table reads the row.
fn completed(text: &str) -> String {
    let text = text.trim().trim_end_matches(';');
    let first = text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let is_whole = ["select", "with"].iter().any(|word| first.eq_ignore_ascii_case(word));
    let sql = if is_whole { text.to_owned() } else { format!("select {text}") };
    let reads_nothing = match Parser::parse_sql(&PostgreSqlDialect {}, &sql).as_deref() {
        Ok([Statement::Query(query)]) => {
            matches!(query.body.as_ref(), SetExpr::Select(select) if select.from.is_empty() && select.selection.is_none())
        }
        _ => false,
    };
    if reads_nothing { format!("{sql} from {TABLE}") } else { sql }
}

fn columns_of(dataset: &Dataset) -> SchemaRef {
    let own = dataset.columns.iter().filter(|name| !KNOWN.iter().any(|(known, _)| known == name));
    let own = own.map(|name| (name.clone(), kind_of(dataset.cases.iter().filter_map(|case| case.vars.get(name)))));
    let known = KNOWN.into_iter().map(|(name, kind)| (name.to_owned(), kind));
    Arc::new(Schema::new(known.chain(own).map(|(name, kind)| Field::new(name, kind, true)).collect::<Vec<_>>()))
}

/// The narrowest type that holds every value of a column; lists and objects are JSON, as tables hold them.
fn kind_of<'a>(values: impl Iterator<Item = &'a Value>) -> DataType {
    let kinds = values.filter_map(|value| match value {
        Value::Null => None,
        Value::Bool(_) => Some(DataType::Boolean),
        Value::Number(number) if number.is_i64() => Some(DataType::Int64),
        Value::Number(_) => Some(DataType::Float64),
        _ => Some(DataType::Utf8View),
    });
    let both = |a: DataType, b: DataType| match (&a, &b) {
        _ if a == b => a,
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        _ => DataType::Utf8View,
    };
    kinds.reduce(both).unwrap_or(DataType::Utf8View)
}

/// A value as a column of one row; nothing where the type does not hold it.
fn cell(value: &Value, kind: &DataType) -> Option<ArrayRef> {
    let is_null = value.is_null();
    let column: ArrayRef = match kind {
        DataType::Boolean if is_null || value.is_boolean() => Arc::new(BooleanArray::from(vec![value.as_bool()])),
        DataType::Int64 if is_null || value.is_i64() => Arc::new(Int64Array::from(vec![value.as_i64()])),
        DataType::Float64 if is_null || value.is_number() => Arc::new(Float64Array::from(vec![value.as_f64()])),
        DataType::Utf8View => Arc::new(StringViewArray::from(vec![(!is_null).then(|| show(value))])),
        _ => return None,
    };
    Some(column)
}

fn verdict_of(answer: &Answer) -> Result<Verdict, String> {
    let rows = if answer.truncated { 2 } else { answer.n_rows() };
    let (1, Some(batch)) = (rows, answer.batches.first()) else {
        return Err(format!("the SELECT gives {} row instead of one", if rows == 0 { "no" } else { "more than one" }));
    };
    let column = batch.columns().first().ok_or("the SELECT gives no column")?;
    if column.is_null(0) {
        return Ok(Verdict::not_applicable("the SELECT gives null"));
    }
    let name = batch.schema_ref().field(0).name().clone();
    let why = batch.column_by_name(REASON).and_then(|why| cast(why, &DataType::Utf8View).ok()).filter(|why| why.is_valid(0));
    let why = why.map(|why| why.as_string_view().value(0).to_owned());
    if let Some(passed) = column.as_boolean_opt() {
        return Ok(Verdict::pass(passed.value(0), || why.unwrap_or_else(|| format!("{name} is false"))));
    }
    let number = cast(column, &DataType::Float64).map_err(|error| error.to_string())?;
    let value = number.as_primitive::<Float64Type>().value(0);
    if value.is_finite() { Ok(Verdict::value(value, why.unwrap_or_default())) } else { Err(format!("the SELECT gives {value}, which is no number")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_is_completed() {
        assert_eq!(completed("length(output) < 200"), "select length(output) < 200 from result");
        assert_eq!(completed("SELECT 1 as x;"), "SELECT 1 as x from result");
        assert_eq!(completed("selected > 3"), "select selected > 3 from result");
        for whole in ["select 1 from result where true", "with a as (select 1 as x) select x from a", "not sql at ("] {
            assert!(completed(whole).ends_with(whole), "{whole}");
        }
    }

    #[test]
    fn a_column_has_the_narrowest_type_that_holds_it() {
        let kind = |values: &[Value]| kind_of(values.iter());
        assert_eq!(kind(&[json!(1), json!(null), json!(2)]), DataType::Int64);
        assert_eq!(kind(&[json!(1), json!(0.5)]), DataType::Float64);
        assert_eq!(kind(&[json!(true), json!("x")]), DataType::Utf8View);
        assert_eq!(kind(&[json!(null)]), DataType::Utf8View);
        assert!(cell(&json!("x"), &DataType::Int64).is_none());
    }
}
