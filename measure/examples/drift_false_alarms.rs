//! How often each test of drift alarms where nothing changed: ours beside Evidently's, on the same simulated data; and the power of ours.
//!
//! `cargo run --release -p karat-measure --example drift_false_alarms -- [runs] [numbers|categories|sessions|power]`
//!
//! An alarm of ours is p <= 5 % and an effect of at least the floor of .1 in the lines that say so, p <= 5 % alone in the others; one of
//! Evidently's is what its defaults call drift.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a measurement for the terminal"
)]

use measure::drift::{Counts, bin_categories, drift, drift_categories, drift_categories_clustered, drift_clustered, evidently};
use measure::interval::Interval;
use measure::permute::Rows;
use measure::window::{empirical_bernstein_cs, mean_cs};
use measure::{Moments, Seed, shift};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

const ALPHA: f64 = 0.05;
const FLOOR: f64 = 0.1;

fn main() {
    let runs = std::env::args().nth(1).map_or(1_000, |text| text.parse::<u32>().unwrap());
    println!("{runs} runs a line, nothing changed, nominal 5 %\n");
    println!("| reference / current | what | ours | Evidently's default |\n| --- | --- | --- | --- |");
    let part = std::env::args().nth(2);
    let wants = |name| part.as_deref().is_none_or(|part| part == name);
    if wants("numbers") {
        numbers(runs);
    }
    if wants("categories") {
        categories(runs);
    }
    if wants("sessions") {
        clusters(runs);
    }
    if !wants("power") {
        return;
    }
    println!(
        "\nPower at 1,000 / 1,000, a shift of .2 sd: {:.1} %",
        100.0 * share(runs, |rng| drift(&normals(rng, 1_000, 0.0), &normals(rng, 1_000, 0.2)).unwrap().p_value <= ALPHA)
    );
    peeking(runs);
}

/// Continuous columns: Kolmogorov-Smirnov of ours; Evidently takes KS up to 1,000 rows of the reference, else Wasserstein over .1.
fn numbers(runs: u32) {
    for (n, m) in [(100, 100), (500, 500), (1_001, 100), (1_001, 200), (1_001, 1_000), (5_000, 1_000), (5_000, 5_000)] {
        for (name, is_skewed) in [("normal", false), ("lognormal", true)] {
            let mut theirs = 0;
            let ours = share(runs, |rng| {
                let mut side = |n| normals(rng, n, 0.0).into_iter().map(|x| if is_skewed { x.exp() } else { x }).collect::<Vec<f64>>();
                let (reference, current) = (side(n), side(m));
                let found = if n > 1_000 {
                    evidently::wasserstein(&reference, &current).unwrap() >= FLOOR
                } else {
                    shift::ks_p_value(&reference, &current).unwrap() < ALPHA
                };
                theirs += u32::from(found);
                drift(&reference, &current).unwrap().p_value <= ALPHA
            });
            line(n, m, name, ours, Some(f64::from(theirs) / f64::from(runs)));
        }
    }
}

/// Categories: the homogeneity test of ours; Evidently takes the reference for the truth up to 1,000 rows, else Jensen-Shannon over .1.
fn categories(runs: u32) {
    for (n, m) in [(100, 100), (500, 500), (200, 1_000), (1_001, 500), (5_000, 1_000), (5_000, 5_000)] {
        for k in [2, 3, 5, 10, 50, 200] {
            let mut theirs = 0;
            let ours = share(runs, |rng| {
                let counts = uniform_counts(rng, n, m, k);
                let pairs: Vec<(u64, u64)> = counts.reference.iter().copied().zip(counts.current.iter().copied()).collect();
                let found = if n > 1_000 {
                    evidently::jensenshannon(&evidently::shares_of_categories(&pairs).unwrap()) >= FLOOR
                } else {
                    evidently::chisquare(&pairs).unwrap() < ALPHA
                };
                theirs += u32::from(found);
                drift_categories(&counts).p_value <= ALPHA
            });
            line(n, m, &format!("{k} categories"), ours, Some(f64::from(theirs) / f64::from(runs)));
        }
    }
}

/// Sessions of ten turns with an intraclass correlation of .5: whole sessions are permuted; Evidently has no notion of a session.
fn clusters(runs: u32) {
    for n_sessions in [20, 60] {
        let mut theirs = 0;
        let ours = share(runs, |rng| {
            let mut side = |from: u64| sessions(rng, n_sessions, from);
            let ((a, a_ids), (b, b_ids)) = (side(0), side(1 << 32));
            theirs += u32::from(shift::ks_p_value(&a, &b).unwrap() < ALPHA);
            drift_clustered(Rows { values: &a, clusters: &a_ids }, Rows { values: &b, clusters: &b_ids }).unwrap().p_value <= ALPHA
        });
        let n = n_sessions * 10;
        line(n, n, &format!("{n_sessions} sessions of 10, ICC .5"), ours, Some(f64::from(theirs) / f64::from(runs)));
    }
    for (n_sessions, k) in [(20, 2), (20, 5), (20, 50), (20, 200), (60, 2), (60, 50), (60, 200)] {
        let mut theirs = 0;
        let ours = share(runs, |rng| {
            let ((a, a_ids), (b, b_ids)) = (topics(rng, n_sessions, 0, k), topics(rng, n_sessions, 1 << 32, k));
            let codes = |values: &[f64]| values.iter().map(|value| Some(*value as u32)).collect::<Vec<_>>();
            let counts = bin_categories(codes(&a), codes(&b)).unwrap();
            let pairs: Vec<(u64, u64)> = counts.reference.iter().copied().zip(counts.current.iter().copied()).collect();
            theirs += u32::from(evidently::chisquare(&pairs).unwrap() < ALPHA);
            let mut known = a.clone();
            known.sort_by(f64::total_cmp);
            known.dedup();
            let bin = |code: f64| known.binary_search_by(|one| one.total_cmp(&code)).unwrap_or(known.len());
            let (a, b) = (Rows { values: &a, clusters: &a_ids }, Rows { values: &b, clusters: &b_ids });
            drift_categories_clustered(a, b, &counts, bin).unwrap().p_value <= ALPHA
        });
        let n = n_sessions * 10;
        line(n, n, &format!("{k} categories, {n_sessions} sessions of 10, ICC .5"), ours, Some(f64::from(theirs) / f64::from(runs)));
    }
}

/// Sessions of ten turns, each of which is about the session's topic with a probability of √.5, so that two of them agree beyond chance in half of the cases.
fn topics(rng: &mut ChaCha8Rng, n: usize, from: u64, k: u32) -> (Vec<f64>, Vec<u64>) {
    let draw = |rng: &mut ChaCha8Rng| (unit(rng) * f64::from(k)).floor();
    let (mut values, mut ids) = (Vec::new(), Vec::new());
    for session in 0..n as u64 {
        let topic = draw(rng);
        values.extend((0..10).map(|_| if unit(rng) < 0.5_f64.sqrt() { topic } else { draw(rng) }));
        ids.extend([from + session; 10]);
    }
    (values, ids)
}

/// Two hundred looks at a rate of .9, one every 25 rows: a fixed interval, the asymptotic confidence sequence from the first look on and from 200 rows
/// on, and the one for bounded values.
fn peeking(runs: u32) {
    const LOOKS: std::ops::RangeInclusive<usize> = 1..=200;
    let misses = |interval: Interval| interval.low > 0.9 || interval.high < 0.9;
    let mut found = [0; 4];
    for run in 0..runs {
        let rng = &mut Seed::of(["looks", &run.to_string()]).rng();
        let values: Vec<f64> = (0..5_000).map(|_| f64::from(u8::from(unit(rng) < 0.9))).collect();
        let fixed = |n: usize| {
            let mean = Moments::of(&values[..n]).mean;
            let half = 1.959_963_984_540_054 * (0.9_f64 * 0.1 / n as f64).sqrt();
            Interval { low: mean - half, high: mean + half }
        };
        let (asymptotic, bounded) = (mean_cs(&values, ALPHA, 500.0).unwrap(), empirical_bernstein_cs(&values, ALPHA).unwrap());
        let at_any_look = |first: usize, interval: &dyn Fn(usize) -> Option<Interval>| {
            LOOKS.map(|look| look * 25).filter(|n| *n >= first).any(|n| interval(n).is_some_and(misses))
        };
        found[0] += u32::from(at_any_look(0, &|n| Some(fixed(n))));
        found[1] += u32::from(at_any_look(0, &|n| asymptotic[n - 1]));
        found[2] += u32::from(at_any_look(200, &|n| asymptotic[n - 1]));
        found[3] += u32::from(at_any_look(0, &|n| Some(bounded[n - 1])));
    }
    let [fixed, from_first, from_200, bounded] = found.map(|found| 100.0 * f64::from(found) / f64::from(runs));
    println!(
        "\nLooking 200 times at a rate of .9 that does not change: fixed test {fixed:.1} %, bounded_mean_cs {bounded:.1} %, mean_cs {from_200:.1} % from \
         200 rows on ({from_first:.1} % from 25 rows on)"
    );
}

fn line(n: usize, m: usize, what: &str, ours: f64, theirs: Option<f64>) {
    let theirs = theirs.map_or_else(String::new, |theirs| format!("{:.1} %", 100.0 * theirs));
    println!("| {n} / {m} | {what} | {:.1} % | {theirs} |", 100.0 * ours);
}

/// The share of runs, each with a stream of its own, in which something holds.
fn share(runs: u32, mut holds: impl FnMut(&mut ChaCha8Rng) -> bool) -> f64 {
    let held = (0..runs).filter(|run| holds(&mut Seed::of(["false alarms", &run.to_string()]).rng())).count();
    held as f64 / f64::from(runs)
}

fn unit(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

fn normals(rng: &mut ChaCha8Rng, n: usize, mean: f64) -> Vec<f64> {
    (0..n).map(|_| mean + (-2.0 * unit(rng).ln()).sqrt() * (std::f64::consts::TAU * unit(rng)).cos()).collect()
}

fn uniform_counts(rng: &mut ChaCha8Rng, n: usize, m: usize, k: u32) -> Counts {
    let mut side = |n: usize| (0..n).map(|_| Some((unit(rng) * f64::from(k)) as u32)).collect::<Vec<_>>();
    let (reference, current) = (side(n), side(m));
    bin_categories(reference, current).unwrap()
}

fn sessions(rng: &mut ChaCha8Rng, n: usize, from: u64) -> (Vec<f64>, Vec<u64>) {
    let (mut values, mut ids) = (Vec::new(), Vec::new());
    for session in 0..n as u64 {
        let level = normals(rng, 1, 0.0)[0];
        values.extend(normals(rng, 10, level));
        ids.extend([from + session; 10]);
    }
    (values, ids)
}
