//! Which day a row belongs to, with clocks of senders that may be wrong or hostile.

use schema::{Day, Micros};

const DAY_MICROS: i64 = 86_400_000_000;

/// Tells times that can be right from those that cannot, as of the moment a request arrived.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    /// When the request arrived.
    pub received_at: Micros,
    oldest: Micros,
    newest: Micros,
}

impl Calendar {
    /// A time is believed from `retention_days` before the arrival to one day after it.
    pub fn new(received_at: Micros, retention_days: u32) -> Self {
        let oldest = received_at.0.saturating_sub(i64::from(retention_days).saturating_mul(DAY_MICROS));
        Self { received_at, oldest: Micros(oldest), newest: Micros(received_at.0.saturating_add(DAY_MICROS)) }
    }

    /// Returns the partition of a row: the day of its time, or the day of its arrival where its clock cannot be right.
    pub fn date_of(&self, time: Micros) -> Day {
        if (self.oldest..=self.newest).contains(&time) { time.day() } else { self.received_at.day() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_clocks_make_no_partitions() {
        let received_at = Micros(1_790_000_000_000_000);
        let calendar = Calendar::new(received_at, 90);
        let today = received_at.day();
        let after = |days: i64| Micros(received_at.0 + days * DAY_MICROS);
        assert_eq!(calendar.date_of(after(-28)), Day(today.0 - 28));
        assert_eq!(calendar.date_of(after(-90)), Day(today.0 - 90));
        assert_eq!(calendar.date_of(after(-91)), today);
        assert_eq!(calendar.date_of(after(1)), Day(today.0 + 1));
        assert_eq!(calendar.date_of(Micros(after(1).0 + 1)), today);
        assert_eq!(calendar.date_of(Micros(0)), today);
        assert_eq!(calendar.date_of(Micros(i64::MAX)), today);
    }
}
