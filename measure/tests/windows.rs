//! Measures of series, gaps and embeddings against the values that `windows.py` prints: the papers' definitions in numpy and scipy.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking")]

use measure::Moments;
use measure::fairness::{Group, disparity};
use measure::shift::RandomFeatures;
use measure::shift::mmd::{Unit, mmd};
use measure::window::{cusum, e_detector, empirical_bernstein_cs, ewma, relative_entropy, robust_z_series, seasonal_z};

const ROWS: [usize; 5] = [0, 1, 9, 99, 299];

fn x(n: u32) -> Vec<f64> {
    (1..=n).map(|i| (f64::from(i) * 0.618_033_988_749_894_9).fract()).collect()
}

/// Half of the range, then the other half from row 150 on.
fn steps() -> Vec<f64> {
    x(300).iter().enumerate().map(|(row, x)| x * 0.5 + if row < 150 { 0.0 } else { 0.5 }).collect()
}

#[track_caller]
fn check(found: &[f64], expected: [f64; 5]) {
    for (row, expected) in ROWS.into_iter().zip(expected) {
        let both_null = found[row].is_nan() && expected.is_nan();
        assert!(both_null || (found[row] - expected).abs() <= 1e-9 * expected.abs().max(1.0), "row {row}: {} is not {expected}", found[row]);
    }
}

#[test]
fn e_detector_is_the_sum_over_all_starts() {
    let expected = [1.0022470922489948, 1.9100191582454837, 9.306625705301505, 249.2143827228999, 1.0886467475793681e50];
    check(&e_detector(&steps(), 0.3).unwrap(), expected);
}

#[test]
fn empirical_bernstein_is_theorem_2() {
    let found = empirical_bernstein_cs(&x(300), 0.05).unwrap();
    check(&found.iter().map(|ends| ends.low).collect::<Vec<_>>(), [0.0, 0.0, 0.0, 0.3931884751732476, 0.44290389033410904]);
    check(&found.iter().map(|ends| ends.high).collect::<Vec<_>>(), [1.0, 1.0, 1.0, 0.6059158198981143, 0.5577147467976554]);
}

#[test]
fn relative_entropy_tells_what_was_never_seen() {
    let found = relative_entropy(&steps(), 0.0, 1.0, 40, 60).unwrap();
    let expected = [(154, 13.726744340135792), (165, 14.770885801205536), (179, 14.83766206304114), (189, 15.56430054789153)];
    let told: Vec<(usize, f64)> = found.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect();
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(told.iter().zip(expected).all(|(found, expected)| found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-9), "{told:?}");
}

#[test]
fn scores_and_sums() {
    let robust = robust_z_series(&x(300), usize::MAX);
    check(&robust, [f64::NAN, -41.6858214454266, -1.0913489739308606, 0.8253114783151055, -0.24933104096316766]);
    let smooth = ewma(&x(300), 0.3).unwrap();
    check(&smooth, [0.6180339887498949, 0.5034441853748634, 0.4669105890367241, 0.5658981401015073, 0.515474704582255]);
    check(&cusum(&x(300), 20, 0.5).unwrap(), [f64::NAN, f64::NAN, f64::NAN, 0.6134889514700568, 0.0]);
}

#[test]
fn seasonal_z_is_against_the_same_hour() {
    let times: Vec<i64> = (0..900).map(|hour| (1_795_262_400 + 3_600 * hour) * 1_000_000).collect();
    let found = seasonal_z(&x(900), &times, usize::MAX).unwrap();
    assert_eq!(found.iter().filter(|z| !z.is_nan()).count(), 396);
    for (row, expected) in [(504, -1.3489815189533452), (600, -1.3489815189533592), (899, -1.3489815189531904)] {
        assert!((found[row] - expected).abs() < 1e-9, "{row}: {}", found[row]);
    }
}

/// Against all ways to deal the rows out: what is drawn must be close to it, what is not drawn the same.
#[test]
fn disparity_draws_from_all_deals() {
    let group = |values: &[f64]| Group { moments: Moments::of(values), values: values.to_vec() };
    let found = disparity(&[group(&[0.1, 0.9, 0.4]), group(&[0.8, 0.95, 0.7]), group(&[0.2, 0.3])]).unwrap();
    assert!((found.gap - 0.5666666666666668).abs() < 1e-12);
    // Three standard errors of 9,999 draws.
    assert!((found.p_value - 0.16071428571428573).abs() < 0.011 && (found.gap_adjusted - 0.20889880952380963).abs() < 0.006, "{found:?}");
}

/// Random features against the kernel that they approximate, to the error of 128 frequencies.
#[test]
fn mmd_approximates_the_kernel() {
    let features = RandomFeatures::new(3);
    let cloud = |n: u32, turn: f32| -> Vec<Unit> {
        let unit = |i: u32| {
            let mut unit = Unit { n: 1, ..Unit::default() };
            assert!(features.add(&[(f64::from(i) * 1.7).sin() as f32, (f64::from(i) * 2.3).cos() as f32, turn], &mut unit.sums));
            unit
        };
        (1..=n).map(unit).collect()
    };
    let found = mmd(&cloud(100, 0.0), &cloud(80, 1.5)).unwrap();
    assert!((found.statistic - 0.6715641214581508).abs() < 0.07 && found.p_value <= 2e-4, "{found:?}");
}
