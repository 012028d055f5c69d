//! `watch: drift`: it can fire on large samples, it says what SQL's `drift` says, and it sees what is missing.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Builder, Float64Array, ListBuilder, RecordBatch, StringArray, TimestampMicrosecondArray};
use measure::drift::{bin_categories, drift, drift_categories, drift_categories_clustered};
use measure::permute::Rows;
use monitor::{Limits, Monitor, Rule, Series, extended, rehearse};
use schema::{AlertTransition, Micros, MonitorState};

use crate::traffic::{DAY, Draw};

/// Twenty-one days; what is planted is planted in the last three.
const DAYS: i64 = 21;
const A_DAY: usize = 400;
const N: usize = A_DAY * DAYS as usize;

fn is_late(row: usize) -> bool {
    row >= N - 3 * A_DAY
}

fn times(n: usize) -> ArrayRef {
    let time = |row: usize| row as i64 * DAYS * DAY / n as i64;
    Arc::new(TimestampMicrosecondArray::from_iter_values((0..n).map(time)).with_timezone("UTC"))
}

fn texts(n: usize, value: impl Fn(usize) -> Option<String>) -> ArrayRef {
    Arc::new((0..n).map(value).collect::<StringArray>())
}

fn series(rule: &Rule, columns: Vec<(&str, ArrayRef)>) -> Series {
    Series::of(rule, &[RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()]).unwrap()
}

/// A shipped monitor of drift over 8,400 rows in sessions of four.
fn shipped_over(name: &str, value: impl Fn(usize) -> ArrayRef) -> Vec<AlertTransition> {
    let monitor = extended().into_iter().find(|monitor| monitor.rule.name == name).unwrap();
    let same = |word: &str| texts(N, |_| Some(word.to_owned()));
    let columns = vec![
        ("time", times(N)),
        ("value", value(N)),
        ("service_name", same("shop")),
        ("evaluator", same("style")),
        ("model", same("m")),
        ("prompt_version", same("1")),
        ("session_id", texts(N, |row| Some((row / 4).to_string()))),
        ("trace_id", texts(N, |row| Some(format!("{:032x}", row + 1)))),
    ];
    let written = rehearse(&monitor, &series(&monitor.rule, columns), Micros(10 * DAY), Micros(DAYS * DAY));
    written.transitions.into_iter().filter(|alert| alert.state == "firing").collect()
}

// With so few draws that no p-value could reach `q`, the shipped monitors of drift never fired above 2,000 rows.
#[test]
fn the_shipped_monitors_of_drift_can_fire() {
    let mix = |changes: bool| {
        move |n: usize| texts(n, move |row| Some(if changes && is_late(row) { "german" } else { ["english", "french"][row / 4 % 2] }.to_owned()))
    };
    for name in ["languages", "topics"] {
        let fired = shipped_over(name, mix(true));
        assert_eq!(fired.len(), 1, "{name}: {fired:#?}");
        let (start, end) = ((DAYS - 3) * DAY, (DAYS - 3) * DAY + 2 * DAY);
        assert!((start..=end).contains(&fired[0].time.0), "{:?}", fired[0]);
        assert_eq!(shipped_over(name, mix(false)), []);
    }
    let scores = |late: f64| {
        move |n: usize| {
            let mut draw = Draw::new("scores", 1);
            Arc::new(Float64Array::from_iter_values((0..n).map(|row| draw.unit() * if is_late(row) { late } else { 1.0 }))) as ArrayRef
        }
    };
    assert_eq!(shipped_over("scores", scores(0.4)).len(), 1);
    assert_eq!(shipped_over("scores", scores(1.0)), []);
}

/// A look at the last day of `n` rows against the days before.
fn look(more: &str, n: usize, columns: Vec<(&str, ArrayRef)>) -> Vec<MonitorState> {
    let yaml = format!("{{name: d, select: select 1, watch: drift, every: 1d, window: 1d, baseline: {{trailing: 20d}}, {more}}}");
    let monitor = Monitor { rule: Rule::parse(&yaml).unwrap(), file: "d.yaml".to_owned(), limits: Limits::default() };
    let all = std::iter::once(("time", times(n))).chain(columns).collect();
    rehearse(&monitor, &series(&monitor.rule, all), Micros(DAYS * DAY), Micros(DAYS * DAY)).states
}

/// The rows of the baseline and of the window.
fn sides(n: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let window = n / DAYS as usize;
    (0..n - window, n - window..n)
}

#[track_caller]
fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() <= 1e-12 + 1e-9 * expected.abs(), "{found} is not {expected}");
}

// One implementation: a monitor and the SQL function must not tell two stories of the same rows.
#[test]
fn it_says_what_the_function_says() {
    let n = 40 * DAYS as usize;
    let (before, now) = sides(n);
    let word = |row: usize| if row.is_multiple_of(7) || (row >= n - 40 && row.is_multiple_of(3)) { "yes" } else { "no" };
    let counts = bin_categories(before.clone().map(|row| Some(word(row))), now.clone().map(|row| Some(word(row)))).unwrap();
    let expected = drift_categories(&counts);
    assert_eq!(expected.test, "fisher", "two by two");
    let found = look("", n, vec![("value", texts(n, |row| Some(word(row).to_owned())))]);
    near(found[0].p_value, expected.p_value);
    near(found[0].effect, expected.effect);

    let number = |row: usize| (row as f64 * 0.618_033_988_749_894_9).fract() + if row >= n - 40 { 0.4 } else { 0.0 };
    let expected = drift(&before.map(number).collect::<Vec<_>>(), &now.map(number).collect::<Vec<_>>()).unwrap();
    let found = look("", n, vec![("value", Arc::new(Float64Array::from_iter_values((0..n).map(number))) as ArrayRef)]);
    near(found[0].p_value, expected.p_value);
    near(found[0].effect, expected.effect);
}

// What chance gives is larger where rows come in clusters: it is the mean over permutations, not that of single rows.
#[test]
fn the_effect_of_clusters_is_less_what_clusters_give() {
    let n = 60 * DAYS as usize;
    let (before, now) = sides(n);
    let code = |row: usize| f64::from(u8::from(row >= n - 60)) + (row / 6 % 3) as f64;
    let counts = bin_categories(before.clone().map(|row| Some(code(row) as u64)), now.clone().map(|row| Some(code(row) as u64))).unwrap();
    let side = |rows: std::ops::Range<usize>| (rows.clone().map(code).collect::<Vec<_>>(), rows.map(|row| row as u64 / 6).collect::<Vec<_>>());
    let ((a, a_of), (b, b_of)) = (side(before), side(now));
    let (a, b) = (Rows { values: &a, clusters: &a_of }, Rows { values: &b, clusters: &b_of });
    let expected = drift_categories_clustered(a, b, &counts, |x| x as usize).unwrap();
    let columns = vec![("value", texts(n, |row| Some(code(row).to_string()))), ("session", texts(n, |row| Some((row / 6).to_string())))];
    let found = look("cluster: session, q: 0.05", n, columns);
    // The clusters are dealt in another order, so the draws differ; their mean does not by much.
    assert!((found[0].effect.unwrap() - expected.effect).abs() < 0.01, "{found:?} is not {expected:?}");
    assert!(found[0].effect.unwrap() < drift_categories(&counts).effect - 0.01, "{found:?}");
}

// Half of the texts gone is a drift, as it is for the function; the bound on coverage is another question.
#[test]
fn what_is_missing_is_a_category() {
    let n = 40 * DAYS as usize;
    let value = |gone: bool| texts(n, move |row| (!(gone && row >= n - 40 && row % 2 == 0)).then(|| ["a", "b"][row / 2 % 2].to_owned()));
    let found = look("min_n: 10", n, vec![("value", value(true))]);
    assert_eq!((found[0].state.as_str(), found[0].coverage), ("ALERT", Some(0.5)), "{found:?}");
    assert_eq!(look("min_n: 10", n, vec![("value", value(false))])[0].state, "OK");
    assert_eq!(look("min_n: 10, min_coverage: 0.9", n, vec![("value", value(true))])[0].state, "NO_DATA");
}

// Forty words that were never seen are one category, not forty.
#[test]
fn unseen_categories_are_one() {
    let n = 40 * DAYS as usize;
    let (before, now) = sides(n);
    let word = |row: usize| if row >= n - 8 { format!("new {row}") } else { ["a", "b", "c"][row % 3].to_owned() };
    let counts = bin_categories(before.map(|row| Some(word(row))), now.map(|row| Some(word(row)))).unwrap();
    assert_eq!(counts.n_bins(), 4);
    let found = look("", n, vec![("value", texts(n, |row| Some(word(row))))]);
    near(found[0].p_value, drift_categories(&counts).p_value);
}

#[test]
fn embeddings_are_watched() {
    let n = 60 * DAYS as usize;
    let vectors = |shift: f64| -> ArrayRef {
        let mut draw = Draw::new("embeddings", 3);
        let mut lists = ListBuilder::new(Float32Builder::new());
        for row in 0..n {
            for place in 0..8 {
                let moved = if row >= n - 60 && place == 0 { shift } else { 0.0 };
                lists.values().append_value((draw.normal() + moved) as f32);
            }
            lists.append(row % 50 != 0);
        }
        Arc::new(lists.finish())
    };
    let session = || ("session", texts(n, |row| Some((row / 3).to_string())));
    let found = look("cluster: session, q: 0.01", n, vec![("value", vectors(2.0)), session()]);
    assert_eq!(found[0].state, "ALERT", "{found:?}");
    assert!(found[0].coverage.is_some_and(|share| (0.9..1.0).contains(&share)), "a list that is null is missing: {found:?}");
    assert_eq!(look("cluster: session, q: 0.01", n, vec![("value", vectors(0.0)), session()])[0].state, "OK");

    let mut lists = ListBuilder::new(Float32Builder::new());
    for row in 0..n {
        (0..8 + row % 2).for_each(|_| lists.values().append_value(1.0));
        lists.append(true);
    }
    let rule = Rule::parse("{name: d, select: select 1, watch: drift, every: 1d, window: 1d, baseline: {trailing: 20d}}").unwrap();
    let columns = [("time", times(n)), ("value", Arc::new(lists.finish()) as ArrayRef)];
    let refused = Series::of(&rule, &[RecordBatch::try_from_iter(columns).unwrap()]).unwrap_err().to_string();
    assert!(refused.contains("lists of 8 and of 9 numbers"), "{refused}");
}

// The one who reads the alert wants traces in the language that came, not the first ten of the day.
#[test]
fn examples_show_what_grew() {
    let fired = shipped_over("languages", |n| texts(n, |row| Some(if is_late(row) && row % 3 == 0 { "german" } else { "english" }.to_owned())));
    let details: serde_json::Value = serde_json::from_str(fired[0].details.as_deref().unwrap()).unwrap();
    assert_eq!(details["category"], "german");
    let traces = details["trace_ids"].as_array().unwrap();
    let row = |trace: &serde_json::Value| usize::from_str_radix(trace.as_str().unwrap(), 16).unwrap() - 1;
    assert!(traces.len() == 10 && traces.iter().all(|trace| is_late(row(trace)) && row(trace) % 3 == 0), "{traces:?}");
}
