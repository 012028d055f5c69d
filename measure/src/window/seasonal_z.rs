//! The robust z-score against the same hour of earlier weeks.

use super::history::History;
use super::robust_z::score;
use crate::error::Error;

/// Weeks that an hour must have been seen in before it has a score.
pub const WEEKS_MIN: usize = 3;
/// Hours of a week.
const HOURS: usize = 168;
const MICROS_AN_HOUR: i64 = 3_600_000_000;

/// Robust z-score of each value against those at the same hour of earlier weeks.
///
/// As [`robust_z`](super::robust_z()), with 1.4826, the floor on the MAD, and for history the last `history` numbers with the same hour of
/// the week (UTC, from Monday 0 h) out of weeks before this one, so that a long incident does not become its own norm. NaN where a value is
/// NaN and until the hour was seen in three earlier weeks. `times` are microseconds since 1970, in ascending order. Errors where the
/// lists differ in length.
pub fn seasonal_z(values: &[f64], times: &[i64], history: usize) -> Result<Vec<f64>, Error> {
    if values.len() != times.len() {
        return Err(Error::Lengths { measure: "seasonal_z", left: values.len(), right: times.len() });
    }
    let mut hours: Vec<Hour> = vec![Hour::default(); HOURS];
    let step = |(value, time): (&f64, &i64)| {
        if value.is_nan() {
            return f64::NAN;
        }
        let (week, hour) = (week(*time), &mut hours[hour_of_week(*time)]);
        hour.begin(week, history);
        hour.pending.push(*value);
        if hour.n_weeks < WEEKS_MIN { f64::NAN } else { score(&hour.history, *value).map_or(f64::NAN, |found| found.z) }
    };
    Ok(values.iter().zip(times).map(step).collect())
}

/// Returns the hour of the week of a moment, 0 to 167, from Monday 0 h UTC.
pub fn hour_of_week(micros: i64) -> usize {
    // 1970 began on a Thursday.
    usize::try_from((micros.div_euclid(MICROS_AN_HOUR) + 3 * 24).rem_euclid(168)).unwrap_or(0)
}

fn week(micros: i64) -> i64 {
    (micros.div_euclid(MICROS_AN_HOUR) + 3 * 24).div_euclid(168)
}

/// What is known of one hour of the week.
#[derive(Debug, Clone, Default)]
struct Hour {
    history: History,
    n_weeks: usize,
    week: i64,
    /// Values of the week that is under way.
    pending: Vec<f64>,
}

impl Hour {
    /// Turns the values of the week before into history when another one begins.
    fn begin(&mut self, week: i64, max: usize) {
        if week != self.week && !self.pending.is_empty() {
            self.n_weeks += 1;
            self.pending.drain(..).for_each(|value| self.history.push(value, max));
        }
        self.week = week;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!((hour_of_week(0), hour_of_week(4 * 24 * MICROS_AN_HOUR), hour_of_week(-1)), (72, 0, 71));
    }

    /// Five weeks of a daily curve: the peak of every day is no news, a peak at night is.
    #[test]
    fn the_norm_is_that_of_the_hour() {
        let times: Vec<i64> = (0..5 * 168).map(|hour| hour * MICROS_AN_HOUR).collect();
        let mut values: Vec<f64> = (0..5 * 168).map(|hour| if hour % 24 == 12 { 1000.0 } else { 100.0 + f64::from(hour / 168) }).collect();
        values[4 * 168 + 3] = 1000.0;
        let found = seasonal_z(&values, &times, usize::MAX).unwrap();
        assert!(found[..3 * 168].iter().all(|z| z.is_nan()) && found[3 * 168..].iter().all(|z| !z.is_nan()));
        assert_eq!(found[4 * 168 + 12], 0.0);
        assert!(found[4 * 168 + 3] > 100.0);
        assert!(seasonal_z(&values, &times[1..], 9).is_err());
    }
}
