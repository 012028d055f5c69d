//! Answers: their bounds, their formats and the values of parameters.

use std::time::Duration;

use schema::{Micros, SpanId};
use store::{ErrorKind, Format, Param, QueryOptions};

use crate::fixture::{Fixture, NOON, SECOND, call};

async fn ten_calls() -> Fixture {
    let fixture = Fixture::open().await;
    let spans = (0..10).map(|n| call(1, n + 1, i64::from(n) * SECOND)).collect::<Vec<_>>();
    fixture.add(&spans[..5]).await;
    fixture.store.flush().await.unwrap();
    fixture.add(&spans[5..]).await;
    fixture
}

#[tokio::test]
async fn an_answer_says_when_it_was_cut() {
    let fixture = ten_calls().await;
    for (max_rows, truncated) in [(9, true), (10, false), (11, false), (0, true)] {
        let options = QueryOptions { max_rows, ..QueryOptions::default() };
        let answer = fixture.store.query(&fixture.tenant, "select span_id from spans", &options).await.unwrap();
        assert_eq!((answer.n_rows(), answer.truncated), (max_rows.min(10), truncated), "{max_rows}");
    }
    let tight = Fixture::open_with(|config| config.query.answer_bytes_max = 10_000).await;
    let answer = tight.ask("select repeat('x', 4000) from generate_series(1, 10000)").await.unwrap();
    assert!(answer.truncated && answer.n_rows() < 10_000);
}

#[tokio::test]
async fn parameters_are_values_not_sql() {
    let fixture = ten_calls().await;
    let options = QueryOptions::default()
        .with("since", Micros(NOON.0 + 7 * SECOND))
        .with("text", "' or 1 = 1 --")
        .with("model", "gpt-5")
        .with("least", -1.5)
        .with("n", 2_i64)
        .with("flag", true)
        .with("none", Param::Null);
    let sql = "select span_id, $text as text, $none is null as nothing from llm_calls
               where start_time >= $since and model = $model and temperature is null = $flag and input_tokens > $least
               order by start_time limit $n";
    let answer = fixture.store.query(&fixture.tenant, sql, &options).await.unwrap();
    let rows = answer.rows::<(SpanId, String, bool)>().unwrap();
    assert_eq!(rows, [(SpanId([8; 8]), "' or 1 = 1 --".to_owned(), true), (SpanId([9; 8]), "' or 1 = 1 --".to_owned(), true)]);
    // A parameter must prune files as a literal does.
    let explain = fixture.store.query(&fixture.tenant, "explain select span_id from spans where start_time >= $since", &options).await.unwrap();
    let mut plan = Vec::new();
    explain.write(Format::Jsonl, &mut plan).unwrap();
    assert!(!String::from_utf8(plan).unwrap().contains(".parquet"));
}

#[tokio::test]
async fn every_format_holds_every_row() {
    let fixture = ten_calls().await;
    let sql = "select span_id, start_time, date, cost_nanousd, cost_nanousd / 3.0 as third, cast(null as double) as nothing,
                 'NaN'::double as nan, cast(1.50 as decimal(5, 2)) as price, true as yes, [1, 2] as list, 18446744073709551615 as large,
                 '{\"a\": {\"b\": 1}}' -> 'a' as json, '=1+1' || chr(10) || '\"q\"' as text
               from llm_calls order by start_time limit 2";
    let answer = fixture.ask(sql).await.unwrap();
    let write = |format| {
        let mut out = Vec::new();
        answer.write(format, &mut out).unwrap();
        out
    };
    let text = |format| String::from_utf8(write(format)).unwrap();
    let rows = serde_json::from_str::<Vec<serde_json::Value>>(&text(Format::Json)).unwrap();
    assert_eq!(
        rows[0],
        serde_json::json!({
            "span_id": "0101010101010101", "start_time": "2026-11-21T12:00:00Z", "date": "2026-11-21", "cost_nanousd": 1_000_000,
            "third": 1_000_000.0 / 3.0, "nothing": null, "nan": null, "price": 1.5, "yes": true, "list": [1, 2],
            "large": 18_446_744_073_709_551_615_u64, "json": "{\"b\": 1}", "text": "=1+1\n\"q\""
        })
    );
    assert_eq!(text(Format::Jsonl).lines().count(), 2);
    let csv = text(Format::Csv);
    assert!(csv.starts_with("span_id,start_time,date,cost_nanousd,"), "{csv}");
    assert!(csv.contains("\n0101010101010101,2026-11-21T12:00:00Z,2026-11-21,1000000,333333.3333333333,,NaN,1.50,true,\"[1, 2]\","), "{csv}");
    assert!(text(Format::Table).contains("(2 rows)"));
    let parquet = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(write(Format::Parquet))).unwrap();
    assert_eq!(parquet.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
    let arrow = arrow::ipc::reader::StreamReader::try_new(std::io::Cursor::new(write(Format::Arrow)), None).unwrap();
    assert_eq!(arrow.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[tokio::test]
async fn an_empty_answer_has_its_columns() {
    let fixture = Fixture::open().await;
    let answer = fixture.ask("select trace_id, n_spans, cost_nanousd from traces").await.unwrap();
    assert_eq!((answer.n_rows(), answer.schema.fields().len()), (0, 3));
    let mut csv = Vec::new();
    answer.write(Format::Csv, &mut csv).unwrap();
    assert_eq!(String::from_utf8(csv).unwrap(), "trace_id,n_spans,cost_nanousd\n");
    let mut json = Vec::new();
    answer.write(Format::Json, &mut json).unwrap();
    assert_eq!(String::from_utf8(json).unwrap().trim(), "[]");
}

#[tokio::test]
async fn what_there_is_can_be_asked() {
    let fixture = Fixture::open().await;
    let tables = fixture.rows("select table_name from information_schema.tables order by table_name").await;
    assert!(tables.contains(&"spans".to_owned()) && tables.contains(&"llm_calls".to_owned()) && !tables.iter().any(|name| name.contains("latest")));
    assert_eq!(fixture.ask("show tables").await.unwrap().n_rows(), tables.len());
    let described = fixture.rows("describe costs").await;
    assert!(described.iter().any(|row| row == "cost_usd|double|YES|The same cost in dollars."), "{described:?}");
    assert!(!fixture.rows("show columns from spans").await.is_empty());
    assert_eq!(fixture.rows("select now()").await, ["2026-11-21T12:00:00Z"]);
}

/// More queries than there are places wait; more than may wait are turned away, and a place is free again after its query.
#[tokio::test]
async fn queries_wait_for_a_place() {
    let fixture = Fixture::open_with(|config| (config.query.running_max, config.query.waiting_max) = (1, 1)).await;
    let forever = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let options = QueryOptions { deadline: Duration::from_millis(700), ..QueryOptions::default() };
    let ask = |sql: &'static str| {
        let (store, tenant, options) = (fixture.store.clone(), fixture.tenant.clone(), options.clone());
        tokio::spawn(async move { store.query(&tenant, sql, &options).await })
    };
    let queries = [ask(forever), ask(forever), ask(forever)];
    let mut kinds = Vec::new();
    for query in queries {
        kinds.push(query.await.unwrap().unwrap_err().kind());
    }
    kinds.sort_by_key(|kind| format!("{kind:?}"));
    assert_eq!(kinds, [ErrorKind::Busy, ErrorKind::Input, ErrorKind::Input]);
    assert_eq!(fixture.rows("select 1 as one").await, ["1"]);
}
