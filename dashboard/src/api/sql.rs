//! `POST /api/v1/sql`: a query in, its rows out, as JSON, CSV, JSON lines, an Arrow stream or Parquet.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::json::writer::{EncoderOptions, make_encoder};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Answer, Format, Param, QueryOptions};

use crate::app::App;
use crate::caller::Caller;
use crate::error::Error;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    sql: String,
    #[serde(default)]
    params: Map<String, Value>,
    max_rows: Option<usize>,
    timeout_ms: Option<u64>,
    format: Option<String>,
}

/// The parameters of the address.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    format: Option<String>,
}

/// Runs a query for the caller's tenant. Read only; rows beyond `max_rows` are cut, and the answer says so.
pub(crate) async fn run(
    State(app): State<App>,
    Caller(tenant): Caller,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let asked = read(&headers, &body)?;
    let output = Output::choose(asked.format.as_deref().or(wanted.format.as_deref()), &headers)?;
    let config = &app.config;
    let timeout_ms = asked.timeout_ms.unwrap_or(config.sql_timeout_ms).clamp(1, config.sql_timeout_ms_max.max(1));
    let options = QueryOptions {
        params: params(asked.params)?,
        max_rows: asked.max_rows.unwrap_or(config.sql_rows).min(config.sql_rows_max),
        deadline: Duration::from_millis(timeout_ms),
    };
    let begin = app.now();
    let answer = crate::app::run(&app.store, &tenant, &asked.sql, &options).await?;
    let elapsed_ms = u64::try_from((app.now().0 - begin.0) / 1_000).unwrap_or(0);
    let (truncated, n_rows) = (answer.truncated, answer.n_rows());
    // writing many rows takes long enough to hold up other requests
    let written = tokio::task::spawn_blocking(move || output.write(&answer, elapsed_ms)).await;
    let content = written.map_err(|error| Error::Write(error.to_string()))??;

    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(output.media_type()));
    headers.insert("x-karat-rows", HeaderValue::from(n_rows));
    headers.insert("x-karat-truncated", HeaderValue::from_static(if truncated { "true" } else { "false" }));
    headers.insert("x-karat-elapsed-ms", HeaderValue::from(elapsed_ms));
    Ok(response)
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Asked, Error> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        // a form of another site can send text or form data, but not this
        return Err(bad(format!("content type {kind:?} is not application/json")));
    }
    let asked: Asked = serde_json::from_slice(body).map_err(|error| bad(format!("the body cannot be read: {error}")))?;
    if asked.sql.trim().is_empty() { Err(bad("the query is empty".to_owned())) } else { Ok(asked) }
}

fn params(params: Map<String, Value>) -> Result<Vec<(String, Param)>, Error> {
    let read = |(name, value): (String, Value)| {
        let param = match value {
            Value::Null => Param::Null,
            Value::Bool(value) => Param::Bool(value),
            Value::String(value) => Param::Text(value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Param::Int(value),
                (None, Some(value)) => Param::Float(value),
                (None, None) => return Err(bad(format!("parameter {name:?} is a number out of range"))),
            },
            Value::Array(_) | Value::Object(_) => return Err(bad(format!("parameter {name:?} must be text, a number, true, false or null"))),
        };
        Ok((name, param))
    };
    params.into_iter().map(read).collect()
}

fn bad(message: String) -> Error {
    Error::Input { message, hint: "send {\"sql\": \"select ...\", \"params\"?, \"max_rows\"?, \"timeout_ms\"?, \"format\"?} as application/json" }
}

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Json,
    Csv,
    Jsonl,
    Arrow,
    Parquet,
}

impl Output {
    /// Goes by the named format first, then by what the client accepts; JSON where neither says.
    fn choose(name: Option<&str>, headers: &HeaderMap) -> Result<Self, Error> {
        match name {
            Some("json") => return Ok(Self::Json),
            Some("csv") => return Ok(Self::Csv),
            Some("jsonl") => return Ok(Self::Jsonl),
            Some("arrow") => return Ok(Self::Arrow),
            Some("parquet") => return Ok(Self::Parquet),
            Some(other) => return Err(bad(format!("unknown format {other:?}; use json, csv, jsonl, arrow or parquet"))),
            None => {}
        }
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let known = kinds.filter_map(|kind| match kind {
            "application/json" | "*/*" | "application/*" => Some(Self::Json),
            "text/csv" | "text/*" => Some(Self::Csv),
            "application/x-ndjson" | "application/jsonl" => Some(Self::Jsonl),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
            "application/vnd.apache.parquet" => Some(Self::Parquet),
            _ => None,
        });
        Ok(known.into_iter().next().unwrap_or(Self::Json))
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    fn write(self, answer: &Answer, elapsed_ms: u64) -> Result<Vec<u8>, Error> {
        let format = match self {
            Self::Json => return write_json(answer, elapsed_ms),
            Self::Csv => Format::Csv,
            Self::Jsonl => Format::Jsonl,
            Self::Arrow => Format::Arrow,
            Self::Parquet => Format::Parquet,
        };
        let mut out = Vec::new();
        answer.write(format, &mut out).map_err(Error::Store)?;
        Ok(out)
    }
}

/// Writes `{columns, rows, truncated, elapsed_ms}`. Rows are lists, in the columns' order: two columns may have one name.
fn write_json(answer: &Answer, elapsed_ms: u64) -> Result<Vec<u8>, Error> {
    let columns: Vec<Value> =
        answer.schema.fields().iter().map(|field| serde_json::json!({"name": field.name(), "type": type_name(field.data_type())})).collect();
    let mut out = br#"{"columns":"#.to_vec();
    serde_json::to_writer(&mut out, &columns).map_err(|error| Error::Write(error.to_string()))?;
    out.extend_from_slice(br#","rows":["#);
    let mut is_first = true;
    for batch in &answer.batches {
        write_rows(&answer.schema, batch, &mut is_first, &mut out)?;
    }
    let rest = format!(r#"],"truncated":{},"elapsed_ms":{elapsed_ms}}}"#, answer.truncated);
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

fn write_rows(schema: &SchemaRef, batch: &RecordBatch, is_first: &mut bool, out: &mut Vec<u8>) -> Result<(), Error> {
    let options = EncoderOptions::default();
    let encoders = schema.fields().iter().zip(batch.columns()).map(|(field, column)| make_encoder(field, column.as_ref(), &options));
    let mut encoders = encoders.collect::<Result<Vec<_>, _>>().map_err(|error| Error::Write(error.to_string()))?;
    for row in 0..batch.num_rows() {
        if !std::mem::take(is_first) {
            out.push(b',');
        }
        out.push(b'[');
        for (i, encoder) in encoders.iter_mut().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if encoder.is_null(row) {
                out.extend_from_slice(b"null");
            } else {
                encoder.encode(row, out);
            }
        }
        out.push(b']');
    }
    Ok(())
}

/// Names a type as SQL does.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => "timestamp".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(kind))])
    }

    #[test]
    fn the_format_is_chosen_by_name_then_by_accept() {
        let choose = |name, kind| Output::choose(name, &accept(kind)).ok();
        assert_eq!(choose(None, ""), Some(Output::Json));
        assert_eq!(choose(None, "text/html, text/csv;q=0.9"), Some(Output::Csv));
        assert_eq!(choose(None, "application/vnd.apache.arrow.stream"), Some(Output::Arrow));
        assert_eq!(choose(Some("csv"), "application/json"), Some(Output::Csv));
        assert_eq!(choose(Some("xlsx"), ""), None);
    }
}
