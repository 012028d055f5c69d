//! The corpus of real export requests: what the columns hold, against what its ground truth states.
//!
//! Prints a table dialect x field with the recall, and beside it the recall with the dialect's own file switched off.

#[path = "corpus_score/expected.rs"]
mod expected;
#[path = "corpus_score/rows.rs"]
mod rows;
#[path = "corpus_score/score.rs"]
mod score;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use expected::Scenario;
use score::{FIELDS, Tally};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn dialects() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| corpus().join(name).join("expected.json").exists())
        .collect();
    names.sort();
    names
}

/// Scores one dialect; `alone` switches its own file off.
fn run(dialect: &str, alone: bool, misses: &mut Vec<String>) -> Tally {
    let folder = corpus().join(dialect);
    let mut tally = Tally::default();
    for scenario in expected::load(&folder) {
        let rows = rows::load(&folder, &scenario, alone);
        score::scenario(dialect, &scenario, &rows, &mut tally, misses);
    }
    tally
}

#[test]
fn every_field_of_every_dialect() {
    let only = std::env::var("CORPUS_ONLY").ok();
    let mut table: BTreeMap<String, (Tally, Tally)> = BTreeMap::new();
    let (mut misses, mut misses_alone) = (Vec::new(), Vec::new());
    for dialect in dialects().into_iter().filter(|name| only.as_ref().is_none_or(|only| only.split(',').any(|part| part == name))) {
        let full = run(&dialect, false, &mut misses);
        let alone = run(&dialect, true, &mut misses_alone);
        table.insert(dialect, (full, alone));
    }
    let verbose = std::env::var("CORPUS_VERBOSE").is_ok();
    for miss in misses.iter().take(if verbose { usize::MAX } else { 200 }) {
        println!("{miss}");
    }
    if std::env::var("CORPUS_ALONE").is_ok() {
        misses_alone.iter().for_each(|miss| println!("ALONE {miss}"));
    }
    print_table(&table);
    let total = table.values().fold(Tally::default(), |sum, (full, _)| sum.plus(full));
    let alone = table.values().fold(Tally::default(), |sum, (_, alone)| sum.plus(alone));
    println!("all: {:.2} % of {} fields; leave-one-out: {:.2} %", total.percent(), total.asked(), alone.percent());
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
        for field in FIELDS {
            print!("{:>8}", full.cell(field));
        }
        println!("{:>8.1}{:>8.1}", full.percent(), alone.percent());
    }
}

/// Keeps the path type in one place for the modules.
pub type Files<'a> = (&'a Path, &'a Scenario);
