//! Each detector over small series in memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use monitor::{Limits, Monitor, Rule, Series, rehearse};
use schema::{Micros, MonitorState};

use crate::traffic::{DAY, Draw, HOUR};

const BASE: &str = "{name: m, select: select 1, every: 1h, window: 6h, baseline: {trailing: 10d, min_n: 60, min_windows: 4}, min_n: 10";

fn monitor(more: &str) -> Monitor {
    monitor_at(0.001, more)
}

fn monitor_at(q: f64, more: &str) -> Monitor {
    Monitor { rule: Rule::parse(&format!("{BASE}, q: {q}, {more}}}")).unwrap(), file: "m.yaml".to_owned(), limits: Limits::default() }
}

/// One row every ten minutes for eleven days; the last six hours are the window.
const N_ROWS: usize = 11 * 144;
const NOW: i64 = 11 * DAY;

fn times() -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values((0..N_ROWS).map(|row| row as i64 * 10 * HOUR / 60)).with_timezone("UTC"))
}

fn is_current(row: usize) -> bool {
    row >= N_ROWS - 36
}

fn numbers(value: impl FnMut(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..N_ROWS).map(value)))
}

fn texts(value: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new((0..N_ROWS).map(|row| Some(value(row))).collect::<StringArray>())
}

/// Looks once, at the end, and returns the rows of the look.
fn look(monitor: &Monitor, columns: &[(&str, ArrayRef)]) -> Vec<MonitorState> {
    let mut all = vec![("time", times())];
    all.extend(columns.iter().cloned());
    let series = Series::of(&monitor.rule, &[RecordBatch::try_from_iter(all).unwrap()]).unwrap();
    rehearse(monitor, &series, Micros(NOW), Micros(NOW)).states
}

#[track_caller]
fn check(more: &str, columns: &[(&str, ArrayRef)], state: &str) -> MonitorState {
    let rows = look(&monitor(more), columns);
    assert_eq!(rows[0].state, state, "{rows:?}");
    rows[0].clone()
}

fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut draw = Draw::new("detect", seed);
    move || draw.normal()
}

#[test]
fn an_anomaly_is_a_level_beyond_levels() {
    let mut n = noise(1);
    let shifted = |by: f64, n: &mut dyn FnMut() -> f64| numbers(|row| 10.0 + n() + if is_current(row) { by } else { 0.0 });
    let found = check("watch: anomaly, effect_floor: 1", &[("value", shifted(1.5, &mut n))], "ALERT");
    assert!(found.effect.is_some_and(|effect| (1.0..2.0).contains(&effect)) && found.n == 36, "{found:?}");
    check("watch: anomaly, effect_floor: 1", &[("value", shifted(0.0, &mut n))], "OK");
    check("watch: anomaly, effect_floor: 2.5", &[("value", shifted(1.6, &mut n))], "WARN");
    check("watch: anomaly, effect_floor: 1, direction: up", &[("value", shifted(-2.0, &mut n))], "OK");
    check("watch: anomaly, effect_floor: 1, direction: down", &[("value", shifted(-2.0, &mut n))], "ALERT");
    check("watch: anomaly, effect_floor: 1, level: median", &[("value", shifted(2.0, &mut n))], "ALERT");
}

#[test]
fn ratios_are_compared_on_their_scale() {
    let mut n = noise(2);
    let value = numbers(|row| (0.4 * n()).exp() * if is_current(row) { 2.0 } else { 1.0 });
    let found = check("watch: anomaly, scale: log, effect_floor: 0.5", &[("value", value)], "ALERT");
    assert!(found.effect.is_some_and(|effect| (0.6..1.6).contains(&effect)), "{found:?}");
    assert!((found.value.unwrap() / found.baseline.unwrap() - 1.0 - found.effect.unwrap()).abs() < 1e-12);
}

// A flat history must not turn a ripple into an alarm, nor divide by nothing.
#[test]
fn a_constant_series_is_quiet() {
    check("watch: anomaly, effect_floor: 0", &[("value", numbers(|_| 5.0))], "OK");
    check("watch: anomaly, effect_floor: 0", &[("value", numbers(|row| if is_current(row) { 5.01 } else { 5.0 }))], "OK");
    check("watch: anomaly, effect_floor: 0", &[("value", numbers(|row| if is_current(row) { 6.0 } else { 5.0 }))], "ALERT");
    check("watch: drift, effect_floor: 0.1", &[("value", numbers(|_| 5.0))], "OK");
}

#[test]
fn nothing_to_see_is_a_state() {
    let found = check("watch: anomaly", &[("value", numbers(|_| f64::NAN))], "NO_DATA");
    assert!(found.reason.starts_with("learning: 0 observations"), "{}", found.reason);
    let found = check("watch: anomaly", &[("value", numbers(|row| if is_current(row) { f64::NAN } else { 1.0 }))], "NO_DATA");
    assert_eq!((found.n, found.n_baseline), (0, Some(N_ROWS as i64 - 36 - 108)));
    let found = check("watch: anomaly, scale: log", &[("value", numbers(|_| 0.0))], "NO_DATA");
    assert_eq!(found.coverage, Some(0.0), "what has no logarithm is missing, not covered");
}

// Free calls among ratios, and a division by zero: not looked at, and seen not to be.
#[test]
fn values_that_cannot_be_compared_are_missing() {
    let found = check("watch: anomaly, scale: log", &[("value", numbers(|row| if row % 4 == 0 { 0.0 } else { 1.0 }))], "OK");
    assert_eq!(found.coverage, Some(0.75));
    let found = check("watch: anomaly", &[("value", numbers(|row| if row % 2 == 0 { f64::INFINITY } else { 1.0 }))], "OK");
    assert_eq!(found.coverage, Some(0.5));
    let half = numbers(|row| if row % 2 == 0 && is_current(row) { f64::INFINITY } else { 1.0 });
    check("watch: anomaly, min_coverage: 0.9", &[("value", half)], "NO_DATA");
}

// "240 looks, 0 looks without data" over an empty store said that nothing was spent; nothing was known.
#[test]
fn a_budget_without_data_is_not_kept() {
    let look = |values: Vec<Option<f64>>| {
        let budget = monitor("watch: budget, limit: 1, min_coverage: 0.5");
        let times = TimestampMicrosecondArray::from_iter_values((0..values.len()).map(|row| NOW - 1 - row as i64)).with_timezone("UTC");
        let columns =
            [("time", Arc::new(times) as ArrayRef, true), ("value", Arc::new(values.into_iter().collect::<Float64Array>()) as ArrayRef, true)];
        let series = Series::of(&budget.rule, &[RecordBatch::try_from_iter_with_nullable(columns).unwrap()]).unwrap();
        let found = rehearse(&budget, &series, Micros(NOW), Micros(NOW)).states.remove(0);
        (found.state, found.coverage, found.n_baseline)
    };
    assert_eq!(look(vec![]), ("NO_DATA".to_owned(), None, None));
    assert_eq!(look(vec![Some(0.01); 20]), ("OK".to_owned(), Some(1.0), None));
    // Calls that nothing can price are not free: most of them unpriced says nothing of the budget.
    let unpriced = [vec![Some(0.01); 12], vec![None; 28]].concat();
    assert_eq!(look(unpriced), ("NO_DATA".to_owned(), Some(0.3), Some(0)));
    assert_eq!(look(vec![None; 40]), ("NO_DATA".to_owned(), Some(0.0), None), "what never had a price is no news");
}

// The worst of a fall are the lowest, whichever way is watched.
#[test]
fn examples_lie_in_the_direction_of_the_change() {
    let mut n = noise(9);
    for (by, worst) in [(-4.0, f64::min as fn(f64, f64) -> f64), (4.0, f64::max as fn(f64, f64) -> f64)] {
        let values: Vec<f64> = (0..N_ROWS).map(|row| 10.0 + n() + if is_current(row) { by } else { 0.0 }).collect();
        let extreme = (N_ROWS - 36..N_ROWS).reduce(|a, b| if worst(values[a], values[b]) == values[a] { a } else { b }).unwrap();
        let held = Monitor { rule: Rule { hold: 1, ..monitor("watch: anomaly, effect_floor: 1").rule }, ..monitor("watch: anomaly") };
        let columns = [("time", times()), ("value", numbers(|row| values[row])), ("trace_id", texts(|row| format!("{:032x}", row + 1)))];
        let series = Series::of(&held.rule, &[RecordBatch::try_from_iter(columns).unwrap()]).unwrap();
        let alert = rehearse(&held, &series, Micros(NOW), Micros(NOW)).transitions.remove(0);
        let details: serde_json::Value = serde_json::from_str(alert.details.as_deref().unwrap()).unwrap();
        assert_eq!(details["trace_ids"][0], format!("{:032x}", extreme + 1), "{details}");
    }
}

// A bad day in the baseline must hide neither the next one nor the usual.
#[test]
fn a_bad_day_in_the_past_drags_nothing_along() {
    let mut n = noise(3);
    let mut bad = |last: f64| {
        numbers(|row| {
            10.0 + n()
                + if (600..744).contains(&row) {
                    8.0
                } else if is_current(row) {
                    last
                } else {
                    0.0
                }
        })
    };
    check("watch: anomaly, effect_floor: 1", &[("value", bad(0.0))], "OK");
    check("watch: anomaly, effect_floor: 1", &[("value", bad(2.0))], "ALERT");
}

// More traffic of a slow model is no slowness.
#[test]
fn a_change_of_mix_is_no_change_of_level() {
    let mut n = noise(4);
    let slow = |row: usize| if is_current(row) { !row.is_multiple_of(10) } else { row.is_multiple_of(10) };
    let value = numbers(|row| n() + if slow(row) { 20.0 } else { 1.0 });
    let model = texts(|row| if slow(row) { "slow" } else { "fast" }.to_owned());
    check("watch: anomaly, effect_floor: 1", &[("value", value.clone()), ("model", model.clone())], "ALERT");
    check("watch: anomaly, effect_floor: 1, within: [model]", &[("value", value), ("model", model)], "OK");
}

#[test]
fn one_slice_of_many_is_found_and_named() {
    let mut n = noise(5);
    let value = numbers(|row| 10.0 + n() + if is_current(row) && row % 3 == 0 { 6.0 } else { 0.0 });
    let rows = look(&monitor("watch: anomaly, effect_floor: 4, slices: [app]"), &[("value", value), ("app", texts(|row| format!("a{}", row % 3)))]);
    let states: Vec<_> = rows.iter().map(|row| (row.slice.as_str(), row.state.as_str())).collect();
    assert_eq!(states, [("", "WARN"), ("app=a0", "ALERT")]);
}

#[test]
fn slices_of_a_row_each_are_no_slices() {
    let mut n = noise(6);
    let rows = look(&monitor("watch: anomaly, slices: [user]"), &[("value", numbers(|_| n())), ("user", texts(|row| row.to_string()))]);
    assert_eq!(rows.len(), 1, "no slice has enough rows to be looked at: {rows:?}");
    assert_eq!(rows[0].state, "OK");
}

#[test]
fn an_error_rate_is_compared_as_counts() {
    let failing = |now: usize| {
        Arc::new((0..N_ROWS).map(|row| Some(row % 100 == 0 || (is_current(row) && row % now == 0))).collect::<BooleanArray>()) as ArrayRef
    };
    let found = check("watch: error_rate, effect_floor: 0.05", &[("value", failing(4))], "ALERT");
    assert!(found.value.is_some_and(|value| (0.2..0.3).contains(&value)) && found.baseline.is_some_and(|value| value < 0.02), "{found:?}");
    check("watch: error_rate, effect_floor: 0.05", &[("value", failing(36))], "OK");
    check("watch: error_rate, effect_floor: 0.05", &[("value", failing(usize::MAX))], "OK");
}

// One session that fails nine times over is one failure.
#[test]
fn failures_of_one_session_are_one_failure() {
    let value = Arc::new((0..N_ROWS).map(|row| Some(row % 100 == 0 || row >= N_ROWS - 9)).collect::<BooleanArray>()) as ArrayRef;
    let session = texts(|row| (row / 9).to_string());
    check("watch: error_rate, effect_floor: 0.05", &[("value", value.clone())], "ALERT");
    check("watch: error_rate, effect_floor: 0.05, cluster: session", &[("value", value), ("session", session)], "OK");
}

#[test]
fn drift_sees_shape_where_the_mean_stands_still() {
    let mut n = noise(7);
    let wider = numbers(|row| n() * if is_current(row) { 4.0 } else { 1.0 });
    check("watch: drift, effect_floor: 0.3", &[("value", wider)], "ALERT");
    let same = numbers(|_| n());
    check("watch: drift, effect_floor: 0.3", &[("value", same)], "OK");
}

#[test]
fn drift_of_categories() {
    let mix = |odd: fn(usize) -> bool| texts(move |row| if is_current(row) && odd(row) { "odd" } else { ["en", "de", "fr"][row % 3] }.to_owned());
    check("watch: drift, effect_floor: 0.1", &[("value", mix(|row| row % 2 == 0))], "ALERT");
    check("watch: drift, effect_floor: 0.1", &[("value", mix(|_| false))], "OK");
    // One unseen category among 36 is no drift.
    check("watch: drift, effect_floor: 0.1", &[("value", mix(|row| row == N_ROWS - 1))], "OK");
    check("watch: drift, effect_floor: 0.1", &[("value", texts(|_| "en".to_owned()))], "OK");
    check("watch: drift, effect_floor: 0.1", &[("value", numbers(|row| f64::from(u8::from(is_current(row)))))], "ALERT");
}

// Turns of one session are alike: without the cluster one odd session looks like drift.
#[test]
fn drift_permutes_whole_sessions() {
    let mut n = noise(8);
    let sessions: Vec<f64> = (0..=N_ROWS / 18).map(|_| 3.0 * n()).collect();
    let value = |row: usize, n: &mut dyn FnMut() -> f64| sessions[row / 18] + 0.1 * n();
    let (values, session) = (numbers(|row| value(row, &mut n)), texts(|row| (row / 18).to_string()));
    let columns = [("value", values), ("session", session)];
    let state = |more: &str| look(&monitor_at(0.01, more), &columns)[0].state.clone();
    assert_eq!(state("watch: drift, effect_floor: 0.1"), "ALERT");
    assert_eq!(state("watch: drift, effect_floor: 0.1, cluster: session"), "OK");
}

#[test]
fn thresholds_and_budgets_are_fixed_limits() {
    let value = || numbers(|row| if is_current(row) { 3.0 } else { 1.0 });
    let found = check("watch: threshold, above: 2", &[("value", value())], "ALERT");
    assert_eq!((found.value, found.baseline, found.effect, found.p_value), (Some(3.0), Some(2.0), Some(1.0), None));
    check("watch: threshold, above: 2, below: 0", &[("value", numbers(|_| 1.0))], "OK");
    check("watch: threshold, below: 4, level: max", &[("value", value())], "ALERT");
    check("watch: threshold, above: 36, level: count", &[("value", value())], "OK");
    check("watch: threshold, above: 107.9, level: sum", &[("value", value())], "ALERT");
    check("watch: threshold, above: 2.9, level: p95", &[("value", value())], "ALERT");
    check("watch: budget, limit: 200", &[("value", value())], "OK");
    check("watch: budget, limit: 120", &[("value", value())], "WARN");
    check("watch: budget, limit: 100", &[("value", value())], "ALERT");
}

#[test]
fn silence_is_rows_that_stop_coming() {
    let silence = monitor("watch: silence, direction: down, effect_floor: 0.9");
    let series = |until: usize| {
        let rows = TimestampMicrosecondArray::from_iter_values((0..until).map(|row| row as i64 * 10 * HOUR / 60)).with_timezone("UTC");
        Series::of(&silence.rule, &[RecordBatch::try_from_iter([("time", Arc::new(rows) as ArrayRef)]).unwrap()]).unwrap()
    };
    let state = |until: usize| rehearse(&silence, &series(until), Micros(NOW), Micros(NOW)).states[0].state.clone();
    assert_eq!((state(N_ROWS).as_str(), state(N_ROWS - 20).as_str(), state(N_ROWS - 36).as_str()), ("OK", "WARN", "ALERT"));
}

#[test]
fn a_select_that_gives_the_wrong_columns_says_which() {
    let refused = |columns: Vec<(&str, ArrayRef)>, more: &str| {
        Series::of(&monitor(more).rule, &[RecordBatch::try_from_iter(columns).unwrap()]).unwrap_err().to_string()
    };
    assert_eq!(refused(vec![("time", times())], "watch: anomaly"), "select gives no column \"value\"; it gives time");
    assert_eq!(
        refused(vec![("time", times()), ("value", numbers(|_| 1.0))], "watch: anomaly, slices: [model]"),
        "select gives no column \"model\"; it gives time, value"
    );
    assert!(refused(vec![("time", numbers(|_| 1.0)), ("value", numbers(|_| 1.0))], "watch: anomaly").contains("it must be a timestamp"));
    assert!(refused(vec![("time", times()), ("value", texts(|_| "x".to_owned()))], "watch: anomaly").contains("a number or a boolean"));
}
