//! The corpus of real export requests: what the columns hold, against what its ground truth states.
//!
//! Prints a table dialect x field with the recall, and beside it the recall of the general families alone: the same dialect with its
//! own file, and every other dialect's, switched off. `CORPUS_ONLY=a,b` runs some dialects; `CORPUS_ALONE=1` prints what the general
//! families miss.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

#[path = "corpus_score/expected.rs"]
mod expected;
#[path = "corpus_score/rows.rs"]
mod rows;
#[path = "corpus_score/score.rs"]
mod score;
#[path = "corpus_score/stored.rs"]
mod stored;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use score::{FIELDS, Tally};
use stored::Stored;

/// Fields that the scenario's bytes hold somewhere, but not where anything ties them to the call.
const OUT_OF_REACH: &[(&str, &str)] = &[
    // Only the record of the tool's result quotes the arguments in full; no record tells of the model's request for it.
    ("claude-code/tools#1", "tool_calls"),
    // AutoGen never sends the tools that it offers; the name that the search found is that of the tool's own span.
    ("openinference-autogen/agent#1", "tools"),
    // The second span names no model but the route's; the search found the first call's.
    ("openinference-litellm/tools#2", "response_model"),
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn dialects() -> Vec<String> {
    let only = std::env::var("CORPUS_ONLY").ok();
    let mut names: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| corpus().join(name).join("expected.json").exists())
        .filter(|name| only.as_ref().is_none_or(|only| only.split(',').any(|part| part == name)))
        .collect();
    names.sort();
    names
}

/// Every field of every dialect is right, through the store and its views; the general families alone reach far above 80 %.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_dialect() {
    let mut stored = Stored::open().await;
    let (mut misses, mut misses_alone) = (Vec::new(), Vec::new());
    let mut table: BTreeMap<String, (Tally, Tally)> = BTreeMap::new();
    for dialect in dialects() {
        let folder = corpus().join(&dialect);
        let (mut full, mut alone) = (Tally::default(), Tally::default());
        for scenario in expected::load(&folder) {
            let rows = stored.rows(&folder, &scenario).await;
            score::scenario(&dialect, &scenario, &rows, &mut full, &mut misses);
            let rows = rows::interpreted(&folder, &scenario, Some("*"));
            score::scenario(&dialect, &scenario, &rows, &mut alone, &mut misses_alone);
        }
        table.insert(dialect, (full, alone));
    }
    misses.retain(|miss| !OUT_OF_REACH.iter().any(|(place, field)| miss.starts_with(&format!("{place} {field}:"))));
    misses.iter().for_each(|miss| println!("{miss}"));
    if std::env::var("CORPUS_ALONE").is_ok() {
        misses_alone.iter().for_each(|miss| println!("ALONE {miss}"));
    }
    print_table(&table);
    let alone = total(table.values().map(|(_, alone)| alone));
    assert!(alone.percent() >= 95.0, "the general families alone reach {:.1} %", alone.percent());
    for (dialect, (_, alone)) in &table {
        assert!(alone.percent() >= 80.0, "{dialect}: the general families alone reach {:.1} %", alone.percent());
    }
    assert!(misses.is_empty(), "{} fields are wrong, the first: {}", misses.len(), misses[0]);
}

fn print_table(table: &BTreeMap<String, (Tally, Tally)>) {
    print!("{:<34}", "dialect");
    FIELDS.iter().for_each(|field| print!("{:>8}", &field[..field.len().min(7)]));
    println!("{:>8}{:>8}", "all", "alone");
    for (dialect, (full, alone)) in table {
        print!("{dialect:<34}");
        FIELDS.iter().for_each(|field| print!("{:>8}", full.cell(field)));
        println!("{:>8.1}{:>8.1}", full.percent(), alone.percent());
    }
    let (full, alone) = (total(table.values().map(|(full, _)| full)), total(table.values().map(|(_, alone)| alone)));
    println!("all: {:.2} % of {} fields; general families alone: {:.2} %", full.percent(), full.asked(), alone.percent());
}

fn total<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    tallies.fold(Tally::default(), Tally::plus)
}
