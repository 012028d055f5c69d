//! Adaptive windowing.

use std::collections::VecDeque;

use crate::error::{Error, open_unit};

/// Buckets of one size before two become one of twice the size.
const BUCKETS_MAX: usize = 5;
/// Rows between two looks.
const CLOCK: u64 = 32;
/// Rows that either part of a cut has at least.
const PART_MIN: f64 = 5.0;
/// Rows before the first look.
const GRACE: f64 = 10.0;

/// ADWIN: whether each row is where a change of the mean was found.
///
/// Keeps a window of rows in buckets of growing size; every 32 rows it looks for a cut into two parts whose means differ by more than
/// `ε = √(2 s² d/m) + 2d/(3m)`, `d = ln(2 ln n / δ)`, drops the older part, and begins anew with the next row.
/// Constants as River's: clock 32, 5 buckets, parts of at least
/// 5 rows, 10 rows of grace; its default for `delta` is 0.002. NaN is no row. Errors unless `0 < delta < 1`.
/// Source: Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing" (2007); equal to `river.drift.ADWIN`.
pub fn adwin(values: &[f64], delta: f64) -> Result<Vec<bool>, Error> {
    let mut window = Adwin::new(delta)?;
    Ok(values.iter().map(|x| !x.is_nan() && window.update(*x)).collect())
}

/// The window of [`adwin`], for rows that come one by one.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    /// Row by row of size 1, 2, 4, ... the buckets, the oldest first.
    rows: Vec<VecDeque<Bucket>>,
    all: Bucket,
    n: f64,
    tick: u64,
    found: bool,
}

/// Sum of values, and of squared deviations from their mean.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    total: f64,
    spread: f64,
}

impl Bucket {
    /// What the spread grows by when `n` rows are joined with `m` rows of another.
    fn between(self, n: f64, other: Self, m: f64) -> f64 {
        let gap = self.total / n - other.total / m;
        n * m * gap * gap / (n + m)
    }
}

impl Adwin {
    /// Begins a window. Errors unless `0 < delta < 1`.
    pub fn new(delta: f64) -> Result<Self, Error> {
        open_unit("adwin", "delta", delta)?;
        Ok(Self { delta, rows: vec![VecDeque::new()], all: Bucket::default(), n: 0.0, tick: 0, found: false })
    }

    /// Returns the mean of the window.
    pub fn mean(&self) -> f64 {
        self.all.total / self.n
    }

    /// Adds a value and returns whether a change was found.
    pub fn update(&mut self, x: f64) -> bool {
        if std::mem::take(&mut self.found) {
            *self = Self { rows: vec![VecDeque::new()], all: Bucket::default(), n: 0.0, tick: 0, found: false, delta: self.delta };
        }
        self.insert(x);
        self.tick += 1;
        if !self.tick.is_multiple_of(CLOCK) || self.n <= GRACE {
            return false;
        }
        while self.has_cut() {
            self.found = true;
            self.drop_oldest();
        }
        self.found
    }

    fn insert(&mut self, x: f64) {
        let bucket = Bucket { total: x, spread: 0.0 };
        if self.n > 0.0 {
            self.all.spread += self.all.between(self.n, bucket, 1.0);
        }
        self.all.total += x;
        self.n += 1.0;
        self.rows[0].push_back(bucket);
        let mut size = 1.0;
        for row in 0.. {
            if self.rows[row].len() <= BUCKETS_MAX {
                return;
            }
            if row + 1 == self.rows.len() {
                self.rows.push(VecDeque::new());
            }
            if let (Some(a), Some(b)) = (self.rows[row].pop_front(), self.rows[row].pop_front()) {
                let spread = a.spread + b.spread + a.between(size, b, size);
                self.rows[row + 1].push_back(Bucket { total: a.total + b.total, spread });
            }
            size *= 2.0;
        }
    }

    /// Whether some cut into older and newer rows divides different means.
    fn has_cut(&self) -> bool {
        let (mut n_old, mut old) = (0.0, 0.0);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            let size = 2.0_f64.powi(i32::try_from(row).unwrap_or(i32::MAX));
            for bucket in buckets {
                (n_old, old) = (n_old + size, old + bucket.total);
                let (n_new, new) = (self.n - n_old, self.all.total - old);
                if n_old >= PART_MIN && n_new >= PART_MIN && self.differ(n_old, n_new, old / n_old - new / n_new) {
                    return true;
                }
            }
        }
        false
    }

    fn differ(&self, n_old: f64, n_new: f64, gap: f64) -> bool {
        let log = (2.0 * self.n.ln() / self.delta).ln();
        let inverse = 1.0 / (n_old - PART_MIN + 1.0) + 1.0 / (n_new - PART_MIN + 1.0);
        let variance = self.all.spread / self.n;
        gap.abs() > (2.0 * inverse * variance * log).sqrt() + 2.0 / 3.0 * log * inverse
    }

    fn drop_oldest(&mut self) {
        let Some(row) = self.rows.len().checked_sub(1) else { return };
        let size = 2.0_f64.powi(i32::try_from(row).unwrap_or(i32::MAX));
        if let Some(oldest) = self.rows[row].pop_front() {
            self.n -= size;
            self.all.total -= oldest.total;
            self.all.spread -= oldest.spread + oldest.between(size, self.all, self.n);
        }
        if self.rows[row].is_empty() && row > 0 {
            self.rows.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `river.drift.ADWIN` on the same series: the rows at which it found a change.
    #[test]
    fn equals_river() {
        let values: Vec<f64> = (1..=3000)
            .map(|i| {
                let step = |at: u32, by: f64| if i > at { by } else { 0.0 };
                (f64::from(i) * 0.618_033_988_749_894_9).fract() + step(700, 0.5) + step(1500, 0.9) - step(2300, 1.3)
            })
            .collect();
        let found: Vec<usize> = adwin(&values, 0.002).unwrap().iter().enumerate().filter(|(_, found)| **found).map(|(row, _)| row).collect();
        assert_eq!(found, [735, 1535, 2335]);
    }

    #[test]
    fn the_window_forgets_what_was_before_a_change() {
        let mut window = Adwin::new(0.002).unwrap();
        let found = (0..2_000_u32).filter(|i| window.update(f64::from(u32::from(i % 10 == 0) + u32::from(*i >= 1_000)))).count();
        assert!(found >= 1 && (window.mean() - 1.1).abs() < 0.05, "{}", window.mean());
        assert!(Adwin::new(1.0).is_err());
    }
}
