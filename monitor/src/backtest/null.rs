//! A history in which nothing changed: the days of the real one in another order, so that every alarm over it is a false one.
//!
//! Each day is replaced by a day of the same weekday, or where fewer than three are left of the same kind (working day, weekend), drawn with a
//! seed. Whole days keep what hangs together within one: sessions, the hours, the quiet of the night. Days on which the monitor
//! alarmed are no donors. Sessions of a day that is drawn twice are other sessions each time.

use std::collections::HashMap;
use std::ops::Range;

use measure::Seed;
use measure::shift::mmd::N_FEATURES;
use rand_chacha::rand_core::RngCore as _;

use crate::rule::Duration;
use crate::series::{Clusters, Codes, Keys, Series, Values};

const DAY: i64 = Duration::DAY.0;
/// Days of the same weekday below which any day of the same kind is drawn.
const DONORS_MIN: usize = 3;

/// Draws a history of the same length; nothing where there is no day to draw from.
pub(super) fn resampled(series: &Series, bad: &[Range<i64>], seed: u64) -> Option<Series> {
    let (first, last) = (series.times.first()?.div_euclid(DAY), series.times.last()?.div_euclid(DAY));
    // The first and the last day are cut.
    let is_good = |day: &i64| !bad.iter().any(|range| range.start < (day + 1) * DAY && range.end > day * DAY);
    let donors: Vec<i64> = (first + 1..last).filter(is_good).collect();
    if donors.is_empty() {
        return None;
    }
    let mut rng = Seed::of(["null", &seed.to_string()]).rng();
    let mut rows: Vec<(i64, usize, i64)> = Vec::with_capacity(series.times.len());
    for day in first..=last {
        let alike = alike(&donors, day);
        let index = usize::try_from(rng.next_u64() % alike.len() as u64).unwrap_or(0);
        let donor = alike[index];
        let shift = (day - donor) * DAY;
        rows.extend(series.range(donor * DAY, (donor + 1) * DAY).map(|row| (series.times[row] + shift, row, day)));
    }
    Some(picked(series, &rows))
}

fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

fn alike(donors: &[i64], day: i64) -> Vec<i64> {
    let pick = |keep: &dyn Fn(i64) -> bool| donors.iter().copied().filter(|donor| keep(*donor)).collect::<Vec<_>>();
    let same = pick(&|donor| weekday(donor) == weekday(day));
    let kind = pick(&|donor| (weekday(donor) >= 5) == (weekday(day) >= 5));
    if same.len() >= DONORS_MIN {
        same
    } else if kind.is_empty() {
        donors.to_vec()
    } else {
        kind
    }
}

/// The rows of a new history: when, from which row, on which day.
fn picked(series: &Series, rows: &[(i64, usize, i64)]) -> Series {
    let codes = |column: &Codes| Codes {
        codes: rows.iter().filter_map(|(_, row, _)| column.codes.get(*row).copied()).collect(),
        names: column.names.clone(),
    };
    Series {
        times: rows.iter().map(|(time, ..)| *time).collect(),
        values: match &series.values {
            Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|(_, row, _)| numbers[*row]).collect()),
            Values::Categories(categories) => Values::Categories(codes(categories)),
            Values::Vectors(sums) => {
                let features = |row: usize| sums[row * N_FEATURES..(row + 1) * N_FEATURES].iter().copied();
                Values::Vectors(rows.iter().flat_map(|(_, row, _)| features(*row)).collect())
            }
        },
        slices: series.slices.iter().map(codes).collect(),
        groups: codes(&series.groups),
        clusters: clusters(&series.clusters, rows),
        traces: rows.iter().filter_map(|(_, row, _)| series.traces.get(*row).copied()).collect(),
        missing: Keys { slices: vec![Vec::new(); series.slices.len()], ..Keys::default() },
        rate: series.rate,
    }
}

fn clusters(column: &Clusters, rows: &[(i64, usize, i64)]) -> Clusters {
    if column.codes.is_empty() {
        return Clusters::default();
    }
    let mut seen: HashMap<(u32, i64), u32> = HashMap::new();
    let mut ids = Vec::new();
    let codes = rows.iter().map(|(_, row, day)| {
        *seen.entry((column.codes[*row], *day)).or_insert_with(|| {
            ids.push(column.id(*row).rotate_left(32) ^ day.unsigned_abs());
            u32::try_from(ids.len() - 1).unwrap_or(u32::MAX)
        })
    });
    let codes = codes.collect();
    Clusters { codes, ids }
}
