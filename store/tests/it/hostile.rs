//! SQL that writes, reads files, looks at what is not its own, or runs for ever: each has a clear answer, and the store lives.

use std::time::{Duration, Instant};

use store::{ErrorKind, QueryOptions};

use crate::fixture::{Fixture, call};

#[tokio::test]
async fn nothing_can_be_written_and_no_file_read() {
    let fixture = Fixture::open().await;
    fixture.add_file(&[call(1, 1, 0)]).await;
    let file = std::env::temp_dir().join("karat-hostile.csv");
    let path = file.display().to_string();
    let written = [
        "insert into spans select * from spans".to_owned(),
        "update spans set name = 'x'".to_owned(),
        "delete from spans".to_owned(),
        "truncate table spans".to_owned(),
        "merge into spans using logs on true when matched then delete".to_owned(),
        "drop table spans".to_owned(),
        "drop view llm_calls".to_owned(),
        "create table t as select 1".to_owned(),
        "create view v as select 1".to_owned(),
        "create or replace view llm_calls as select 1".to_owned(),
        "create schema s".to_owned(),
        "create database d".to_owned(),
        "create function f(int) returns int language sql as 'select 1'".to_owned(),
        "select * into t from spans".to_owned(),
        "with w as (delete from spans returning *) select * from w".to_owned(),
        "with w as (insert into spans select * from spans) select 1".to_owned(),
        format!("copy spans to '{path}'"),
        format!("copy (select 1) to '{path}' stored as csv"),
        format!("create external table t stored as csv location '{path}'"),
        "set datafusion.execution.batch_size = 1".to_owned(),
        "reset datafusion.execution.batch_size".to_owned(),
        "show all".to_owned(),
        "show datafusion.execution.batch_size".to_owned(),
        "begin".to_owned(),
        "prepare p as select 1".to_owned(),
        "execute p".to_owned(),
        "explain create table t as select 1".to_owned(),
        "explain analyze insert into spans select * from spans".to_owned(),
        "select 1; drop table spans".to_owned(),
        "select * from '/etc/passwd'".to_owned(),
        "select * from \"/etc/passwd\"".to_owned(),
        "select * from \"file:///etc/passwd\"".to_owned(),
        "select * from read_csv('/etc/passwd')".to_owned(),
        "select * from read_parquet('spans')".to_owned(),
        "select * from parquet_metadata('x')".to_owned(),
        "select pg_read_file('/etc/passwd')".to_owned(),
        "select * from information_schema.df_settings".to_owned(),
        "select * from information_schema.schemata".to_owned(),
        "select * from latest_spans".to_owned(),
        "select input_file_name() from spans".to_owned(),
        "select pg_sleep(100)".to_owned(),
        "vacuum".to_owned(),
        "lock table spans".to_owned(),
        "select 1 from spans for update".to_owned(),
    ];
    for sql in &written {
        let asked = fixture.ask(sql).await;
        let error = asked.map(|answer| answer.n_rows()).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Input, "{sql}: {error}");
        assert!(sql.contains("datafusion") || !error.to_string().contains("datafusion"), "{sql}: {error}");
    }
    assert!(!file.exists());
    assert_eq!(fixture.rows("select count(*) from spans").await, ["1"]);
}

/// Each of these would run for hours; all of them end at the deadline, and their places are free at once.
#[tokio::test]
async fn what_runs_for_ever_ends_at_the_deadline() {
    let fixture = Fixture::open_with(|config| config.query.running_max = 1).await;
    let deadline = Duration::from_millis(400);
    let options = QueryOptions { deadline, ..QueryOptions::default() };
    for sql in [
        "select count(*) from generate_series(1, 10000000) a, generate_series(1, 10000000) b",
        "select * from generate_series(1, 9000000000000) where value < 0",
        "with recursive n as (select 1 as x union all select x + 1 from n) select max(x) from n",
        "with recursive n as (select 1 as x union all select x from n) select count(*) from n",
        "explain analyze select count(*) from generate_series(1, 10000000) a, generate_series(1, 10000000) b",
        "select sum(a.value * b.value) from generate_series(1, 1000000) a join generate_series(1, 1000000) b on a.value <> b.value",
    ] {
        let start = Instant::now();
        let error = fixture.store.query(&fixture.tenant, sql, &options).await.map(|answer| answer.n_rows()).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Input, "{sql}: {error}");
        assert!(error.to_string().contains("deadline of 0.4 s"), "{sql}: {error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{sql} took {:?}", start.elapsed());
        assert_eq!(fixture.rows("select 1 as one").await, ["1"], "after {sql}");
    }
}

/// Each of these would fill the memory of the machine, or walk off the stack.
#[tokio::test]
async fn what_is_too_large_is_refused() {
    let fixture = Fixture::open().await;
    let wide = |n: usize, item: &str, between: &str| vec![item; n].join(between);
    let parts = (1..40).map(|n| format!("p{n} as (select s || s as s from p{})", n - 1)).collect::<Vec<_>>().join(", ");
    let doubled = (0..8).fold("'x'".to_owned(), |text, _| format!("replace({text}, 'x', '{}')", "x".repeat(100)));
    for sql in [
        "select repeat('x', 100000000000)".to_owned(),
        "select repeat(repeat('x', 1000000), 1000000)".to_owned(),
        "select sum(length(repeat('x', value))) from generate_series(1000000, 2000000)".to_owned(),
        "select lpad('x', 2000000000, 'y')".to_owned(),
        "select range(0, 100000000000)".to_owned(),
        "select range(0, 9223372036854775807, 1)".to_owned(),
        "select unnest(generate_series(1, 100000000000))".to_owned(),
        "select generate_series(timestamp '0001-01-01', timestamp '2262-01-01', interval '1 nanosecond')".to_owned(),
        "select array_repeat(1, 100000000000)".to_owned(),
        "select array_repeat(array_repeat(1, 100000), 100000)".to_owned(),
        "select array_resize([1], 100000000000, 1)".to_owned(),
        "select levenshtein(repeat('a', 1000000), repeat('b', 1000000))".to_owned(),
        format!("select {}", wide(100_000, "1", " + ")),
        format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("select * from spans where {}", wide(50_000, "name = 'x'", " or ")),
        wide(5_000, "select 1", " union all "),
        format!("select * from {}", wide(500, "spans", ", ")),
        format!("select '{}'", "x".repeat(2_000_000)),
        format!("select {doubled}"),
        format!("with p0 as (select 'x' as s), {parts} select length(s) from p39"),
        format!("with p0 as (select 'x' || value as s from generate_series(1, 100)), {parts} select sum(length(s)) from p39"),
    ] {
        let start = Instant::now();
        let shown = sql.chars().take(80).collect::<String>();
        let error = fixture.ask(&sql).await.map(|answer| answer.n_rows()).expect_err(&shown);
        assert_eq!(error.kind(), ErrorKind::Input, "{shown}: {error}");
        assert!(!error.to_string().contains("deadline"), "{shown}: {error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{shown} took {:?}", start.elapsed());
    }
    assert_eq!(fixture.rows("select 1 as one").await, ["1"]);
}

/// What is long but honest still works.
#[tokio::test]
async fn long_queries_work() {
    let fixture = Fixture::open().await;
    fixture.add(&[call(1, 1, 0)]).await;
    let ids = (0..3_000).map(|n| format!("'{n:032x}'")).chain(["'01010101010101010101010101010101'".to_owned()]).collect::<Vec<_>>();
    assert_eq!(fixture.rows(&format!("select count(*) from llm_calls where trace_id in ({})", ids.join(", "))).await, ["1"]);
    let sum = vec!["1"; 400].join(" + ");
    assert_eq!(fixture.rows(&format!("select {sum} as n")).await, ["400"]);
    let nested = (0..10).fold("select 1 as n".to_owned(), |sql, _| format!("select n + 1 as n from ({sql}) as inner_query"));
    assert_eq!(fixture.rows(&nested).await, ["11"]);
    let cases = (0..200).map(|n| format!("when {n} then 'v{n}'")).collect::<Vec<_>>().join(" ");
    assert_eq!(fixture.rows(&format!("select case 7 {cases} end as v")).await, ["v7"]);
}

/// Sorting more than memory holds goes to disk; joining more than memory holds is an error, not a dead process.
#[tokio::test]
async fn memory_is_bounded() {
    let fixture = Fixture::open_with(|config| config.query.memory_bytes = 4 * 1024 * 1024).await;
    let error = fixture.error("select count(*) from generate_series(1, 1000000) a join generate_series(1, 1000000) b on a.value = b.value").await;
    assert!(error.contains("more memory than the 4 MB"), "{error}");
    let sorted = "select max(n) from (select row_number() over (order by value % 1000, value desc) as n from generate_series(1, 1000000))";
    assert_eq!(fixture.rows(sorted).await, ["1000000"]);
    assert_eq!(fixture.rows("select 1 as one").await, ["1"]);
}
