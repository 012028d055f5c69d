//! How traffic rises and falls over the day and the week.

use schema::Micros;

use super::dice::Dice;
use super::scene::whole;

/// One hour in microseconds.
pub(super) const HOUR: i64 = 3_600_000_000;
/// One day in microseconds.
pub(super) const DAY: i64 = 24 * HOUR;

/// Share of a common day's traffic on each weekday, from Monday.
const WEEK: [f64; 7] = [1.10, 1.15, 1.10, 1.05, 1.00, 0.55, 0.45];

/// Weight of each hour in UTC: customers, who also write in the evening.
pub(super) const CUSTOMERS: [f64; 24] =
    [1.0, 0.6, 0.4, 0.3, 0.4, 0.8, 2.0, 4.0, 6.5, 8.0, 8.6, 8.4, 7.4, 7.6, 7.8, 7.4, 6.8, 6.2, 5.8, 6.0, 5.6, 4.4, 3.0, 1.8];

/// Weight of each hour in UTC: staff.
pub(super) const STAFF: [f64; 24] =
    [0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 1.5, 5.0, 9.0, 10.0, 10.0, 9.0, 6.0, 8.5, 9.5, 9.0, 7.0, 3.5, 1.0, 0.5, 0.3, 0.2, 0.1, 0.1];

/// Draws how many sessions begin on a day, around `common` on a common one.
pub(super) fn sessions_on(day: Micros, common: f64, dice: &mut Dice) -> u64 {
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((day.0.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or_default();
    let expected = common * WEEK[weekday];
    let drawn = expected + expected.sqrt() * dice.normal();
    whole(drawn)
}

/// Draws a moment of a day by the weights of its hours.
pub(super) fn moment(day: Micros, hours: &[f64; 24], dice: &mut Dice) -> Micros {
    let hour = i64::try_from(dice.weighted(hours.iter().copied())).unwrap_or_default();
    let within = i64::try_from(dice.int(0, HOUR.unsigned_abs() - 1)).unwrap_or_default();
    Micros(day.0 + hour * HOUR + within)
}
