//! A drift report of ten columns, a million rows a side: what Evidently's DataDriftPreset takes minutes for (`benches/peers/drift_report.py`).
//!
//! `cargo run --release -p karat-measure --example drift_report -- [rows a side] [threads]` prints a JSON line a run. The columns are those of the
//! Python side: five normal, three lognormal, two of ten categories.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a measurement for the terminal"
)]

use std::time::Instant;

use measure::Seed;
use measure::drift::{Drift, drift};
use rand_chacha::rand_core::RngCore;

/// Runs, because other work on the machine only ever makes one slower.
const RUNS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let n = arguments.next().unwrap_or(1_000_000);
    let threads = arguments.next().unwrap_or(2);
    let columns: Vec<(Vec<f64>, Vec<f64>)> = (0..10).map(|column| (values(column, "reference", n), values(column, "current", n))).collect();
    for _ in 0..RUNS {
        let began = Instant::now();
        let report = report(&columns, threads);
        let seconds = began.elapsed().as_secs_f64();
        let p_least = report.iter().map(|found| found.p_value).fold(1.0, f64::min);
        println!(
            r#"{{"what":"drift report, 10 columns","rows_a_side":{n},"threads":{threads},"seconds":{seconds:.3},"least_p":{p_least:.4},"exact":true}}"#
        );
    }
}

/// Compares every column, a column at a time on each thread.
fn report(columns: &[(Vec<f64>, Vec<f64>)], threads: usize) -> Vec<Drift> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = columns
            .chunks(columns.len().div_ceil(threads))
            .map(|part| scope.spawn(|| part.iter().map(|(reference, current)| drift(reference, current).unwrap()).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

fn values(column: u32, side: &str, n: usize) -> Vec<f64> {
    let mut rng = Seed::of([side, &column.to_string()]).rng();
    let mut unit = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let mut normal = || (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
    (0..n)
        .map(|_| match column {
            0..5 => normal(),
            5..8 => normal().exp(),
            _ => (normal().abs() * 4.0).min(9.0).floor(),
        })
        .collect()
}
