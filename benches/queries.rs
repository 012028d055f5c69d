//! Asks the queries of a file, times them, and keeps the answers.
//!
//! `cargo run --release --example queries -- --data DIR --sql benches/queries.sql --answers DIR [--times 5]` opens a data directory
//! at rest and prints one JSON line a query: the median and the best of so many times in milliseconds, after one that is not counted.
//! Each answer is left as `<name>.csv`. `benches/queries.sh` does the same with DuckDB, and compares.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example ends where it fails, and prints what it measured"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::{Clock, Micros, Tenant};
use store::{Decode, DecodeError, Format, QueryOptions, Record, Rows, Store, StoreConfig};

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct NoBodies;

impl Decode for NoBodies {
    fn decode(&self, _: &Record<'_>) -> Result<Rows, DecodeError> {
        Err("commit everything first: stop the server, and it will".into())
    }
}

/// Splits a file of queries into names and texts.
fn queries(file: &str) -> Vec<(String, String)> {
    let parts = file.split("-- name:").skip(1).map(|part| part.split_once('\n').unwrap());
    parts.map(|(name, sql)| (name.trim().to_owned(), sql.trim().trim_end_matches(';').to_owned())).collect()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |flag: &str| arguments.iter().position(|a| a == flag).map(|at| arguments[at + 1].clone());
    let times: usize = value("--times").map_or(5, |times| times.parse().unwrap());
    let answers = PathBuf::from(value("--answers").unwrap());
    std::fs::create_dir_all(&answers).unwrap();
    let config = StoreConfig { data: value("--data").unwrap().into(), ..StoreConfig::default() };
    let clock: Clock = Arc::new(|| Micros(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()));
    let store = Store::open_read_only(config, Arc::new(NoBodies), clock).await.unwrap();
    for (name, sql) in queries(&std::fs::read_to_string(value("--sql").unwrap()).unwrap()) {
        ask(&store, &name, &sql, times, &answers).await;
    }
}

async fn ask(store: &Store, name: &str, sql: &str, times: usize, answers: &Path) {
    let options = QueryOptions { max_rows: 1_000_000, deadline: Duration::from_secs(600), ..store.query_options() };
    let tenant = Tenant::default();
    let answer = store.query(&tenant, sql, &options).await.unwrap();
    answer.write(Format::Csv, &mut std::fs::File::create(answers.join(format!("{name}.csv"))).unwrap()).unwrap();
    let mut taken = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        store.query(&tenant, sql, &options).await.unwrap();
        taken.push(started.elapsed().as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    println!("{}", serde_json::json!({"query": name, "rows": answer.n_rows(), "median_ms": taken[times / 2], "best_ms": taken[0]}));
}
