//! The Numenta Anomaly Benchmark: a shipped detector beside two of NAB's own, scored the same way on the same series.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use measure::window::{cusum, ewma, relative_entropy, robust_z_series};

/// False positives weigh little beside found and missed windows: the standard profile.
const FALSE_POSITIVE: f64 = 0.11;

/// A series of the benchmark, and what a detection at each row is worth.
struct Series {
    name: String,
    values: Vec<f64>,
    worth: Vec<Worth>,
}

/// The value of a detection at a row, and the anomaly's window that it finds.
#[derive(Clone, Copy)]
struct Worth {
    value: f64,
    window: Option<usize>,
    on_probation: bool,
}

/// Above windowedGaussian and relativeEntropy, as the issue asks; the figures stand in benches/README.md.
#[test]
fn a_shipped_detector_beats_both_of_nabs() {
    let Some(folder) = std::env::var_os("KARAT_NAB").map(PathBuf::from) else {
        eprintln!("SKIPPED: needs NAB's data, labels and results (numenta/NAB); name the folder in KARAT_NAB");
        return;
    };
    let all = read(&folder);
    let peer = |name: &str| score(&all, &all.iter().map(|series| published(&folder, name, series)).collect::<Vec<_>>());
    let ours = |detect: fn(&[f64]) -> Vec<f64>| score(&all, &all.iter().map(|series| detect(&series.values)).collect::<Vec<_>>());
    let (gaussian, entropy) = (peer("windowedGaussian"), peer("relativeEntropy"));
    let shipped = [
        ("relative_entropy", ours(entropy_of_range)),
        ("robust_z", ours(|values| absolute(robust_z_series(values, usize::MAX)))),
        ("robust_z of ewma", ours(|values| absolute(robust_z_series(&ewma(values, 0.2).unwrap(), usize::MAX)))),
        ("cusum", ours(|values| absolute(cusum(values, 30, 0.5).unwrap()))),
    ];
    eprintln!("NAB, standard profile, {} series: windowedGaussian {gaussian:.2}, relativeEntropy {entropy:.2}; ours {shipped:.2?}", all.len());
    let best = shipped[0].1;
    assert!(best > gaussian && best > entropy, "{best}");
}

/// NAB tells every detector the least and the greatest value of the series before it begins.
fn entropy_of_range(values: &[f64]) -> Vec<f64> {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    relative_entropy(values, low, high, 52, 300).unwrap()
}

fn absolute(scores: Vec<f64>) -> Vec<f64> {
    scores.into_iter().map(|score| if score.is_nan() { 0.0 } else { score.abs() }).collect()
}

/// At NAB's own threshold each series must come to the score that NAB itself wrote beside it.
#[test]
fn scores_are_nabs_own() {
    let Some(folder) = std::env::var_os("KARAT_NAB").map(PathBuf::from) else {
        eprintln!("SKIPPED: needs NAB's data, labels and results (numenta/NAB); name the folder in KARAT_NAB");
        return;
    };
    let thresholds: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder.join("config/thresholds.json")).unwrap()).unwrap();
    for series in read(&folder) {
        for detector in ["windowedGaussian", "relativeEntropy"] {
            let threshold = thresholds[detector]["standard"]["threshold"].as_f64().unwrap();
            let written: f64 = csv(&result_path(&folder, detector, &series)).iter().map(|row| row[6].parse::<f64>().unwrap()).sum();
            let detected = |(row, score): (usize, f64)| if score >= threshold { Some(series.worth[row]) } else { None };
            let found: Vec<Worth> = published(&folder, detector, &series).into_iter().enumerate().filter_map(detected).collect();
            let n_windows = n_windows(&series);
            let of_window = |window: usize| {
                found.iter().filter(|worth| worth.window == Some(window) && !worth.on_probation).map(|worth| worth.value).fold(-1.0, f64::max)
            };
            let false_ones = found.iter().filter(|worth| worth.window.is_none() && !worth.on_probation).map(|worth| worth.value);
            let total = false_ones.sum::<f64>() + (0..n_windows).map(of_window).sum::<f64>();
            assert!((written - total).abs() < 1e-6, "{} {detector}: {written} is not {total}", series.name);
        }
    }
}

fn n_windows(series: &Series) -> usize {
    series.worth.iter().filter_map(|worth| worth.window).max().map_or(0, |last| last + 1)
}

/// NAB's score of a detector: 0 for finding nothing, 100 for finding every window at its first row and nothing else, at the threshold that is
/// best over all series together.
fn score(all: &[Series], scores: &[Vec<f64>]) -> f64 {
    let mut points: Vec<(f64, usize, Worth)> = Vec::new();
    for (index, (series, scores)) in all.iter().zip(scores).enumerate() {
        assert_eq!(series.worth.len(), scores.len(), "{}", series.name);
        let detections = series.worth.iter().zip(scores).filter(|(worth, score)| !worth.on_probation && **score > 0.0);
        points.extend(detections.map(|(worth, score)| (*score, index, *worth)));
    }
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let n_windows = all.iter().map(n_windows).sum::<usize>() as f64;
    let mut found: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let (mut total, mut best) = (-n_windows, -n_windows);
    for run in points.chunk_by(|a, b| a.0 == b.0) {
        for (_, index, worth) in run {
            match worth.window {
                None => total += worth.value,
                Some(window) => {
                    let known = found.entry((*index, window)).or_insert(-1.0);
                    total += (worth.value - *known).max(0.0);
                    *known = known.max(worth.value);
                }
            }
        }
        best = best.max(total);
    }
    100.0 * (best + n_windows) / (2.0 * n_windows)
}

/// Every series with its windows, in the order of their names.
fn read(folder: &Path) -> Vec<Series> {
    let labels: BTreeMap<String, Vec<[String; 2]>> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("labels/combined_windows.json")).unwrap()).unwrap();
    let there = labels.into_iter().filter(|(name, _)| folder.join(name).is_file());
    let series = there.map(|(name, windows)| {
        let rows = csv(&folder.join(&name));
        let within = |ends: &[String; 2]| {
            let inside = |row: &&Vec<String>| row[0].as_str() >= &ends[0][..19] && row[0].as_str() <= &ends[1][..19];
            let first = rows.iter().position(|row| inside(&row)).unwrap();
            first..=first + rows.iter().filter(inside).count() - 1
        };
        let windows: Vec<_> = windows.iter().map(within).collect();
        Series { name, values: rows.iter().map(|row| row[1].parse().unwrap()).collect(), worth: worth(rows.len(), &windows) }
    });
    series.collect()
}

fn worth(n: usize, windows: &[RangeInclusive<usize>]) -> Vec<Worth> {
    let probation = (n * 15 / 100).min(750);
    let of = |row: usize| {
        let window = windows.iter().position(|window| window.contains(&row));
        let value = match window {
            Some(inside) => {
                let (first, last) = (*windows[inside].start(), *windows[inside].end());
                sigmoid(-((last - row + 1) as f64) / (last - first + 1) as f64) / sigmoid(-1.0)
            }
            None => {
                let before = windows.iter().rev().find(|window| *window.end() < row);
                FALSE_POSITIVE * before.map_or(-1.0, |window| sigmoid((row - window.end()) as f64 / (window.end() - window.start()) as f64))
            }
        };
        Worth { value, window, on_probation: row < probation }
    };
    (0..n).map(of).collect()
}

fn sigmoid(x: f64) -> f64 {
    if x > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * x).exp()) - 1.0 }
}

fn published(folder: &Path, detector: &str, series: &Series) -> Vec<f64> {
    csv(&result_path(folder, detector, series)).iter().map(|row| row[2].parse().unwrap()).collect()
}

fn result_path(folder: &Path, detector: &str, series: &Series) -> PathBuf {
    let (category, file) = series.name.split_once('/').unwrap();
    folder.join(format!("results/{detector}/{category}/{detector}_{file}"))
}

/// The rows of a file without its heading.
fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
