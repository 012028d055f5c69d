//! A change of the distribution of a series, window by window.

use std::cmp::Ordering;
use std::collections::VecDeque;

use crate::error::{Error, at_least};
use crate::special::chi_square_quantile;

/// Bins between the ends of the range.
const N_BINS: usize = 5;
/// Added to each bin's count, so that an empty bin has a share: one row spread over the bins (Perks, 1947).
const PRIOR: f64 = 0.2;
/// Share of windows from one distribution that look like another.
const LEVEL: f64 = 0.01;
/// Distributions that are remembered as seen.
const SEEN_MAX: usize = 1_000;

/// How unlike everything before it the distribution of the last `window` values is: 0 where it resembles one that was seen.
///
/// The values of the last rows are counted in five equal bins from `low` to `high`; `2 W KL(now ‖ seen)`, the least over all distributions
/// that were seen, is compared with the 1 % point of χ² with four degrees of freedom. Beyond it, the row has it as its value, and the
/// distribution joins those that were seen. So a new state of affairs is told once, and a return to an old one not at all. In the
/// `refractory` rows after it only what is worse is told. `0.0..`, 0 before the first window is full; NaN is no row, values outside of
/// the range fall into the outer bins. Errors below two rows a window, or unless `low < high`.
/// Source: Wang and others, "Statistical techniques for online anomaly detection in data centers" (2011).
pub fn relative_entropy(values: &[f64], low: f64, high: f64, window: usize, refractory: usize) -> Result<Vec<f64>, Error> {
    at_least("relative_entropy", "rows a window", 2, window)?;
    if low.partial_cmp(&high) != Some(Ordering::Less) {
        return Err(Error::Range { measure: "relative_entropy", parameter: "high", wants: "above low", value: high });
    }
    let mut state = State {
        window,
        seen: Vec::new(),
        bins: VecDeque::new(),
        counts: [0.0; N_BINS],
        limit: chi_square_quantile(1.0 - LEVEL, N_BINS as f64 - 1.0),
    };
    let mut told = Told { refractory, highest: VecDeque::new() };
    let bin = |x: f64| {
        let share = (x - low) / (high - low) * N_BINS as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bins first")]
        let bin = (share.ceil() - 1.0).clamp(0.0, N_BINS as f64 - 1.0) as usize;
        bin
    };
    let score = |(row, x): (usize, &f64)| if x.is_nan() { 0.0 } else { told.worse(row, state.add(bin(*x))) };
    Ok(values.iter().enumerate().map(score).collect())
}

struct State {
    window: usize,
    /// Shares of the distributions that were seen.
    seen: Vec<[f64; N_BINS]>,
    bins: VecDeque<usize>,
    counts: [f64; N_BINS],
    limit: f64,
}

impl State {
    fn add(&mut self, bin: usize) -> f64 {
        self.bins.push_back(bin);
        self.counts[bin] += 1.0;
        if self.bins.len() > self.window
            && let Some(oldest) = self.bins.pop_front()
        {
            self.counts[oldest] -= 1.0;
        }
        if self.bins.len() < self.window {
            return 0.0;
        }
        let n = self.window as f64;
        let now = self.counts.map(|count| (count + PRIOR) / (n + PRIOR * N_BINS as f64));
        let to = |seen: &[f64; N_BINS]| 2.0 * n * now.iter().zip(seen).map(|(now, seen)| now * (now / seen).ln()).sum::<f64>();
        let least = self.seen.iter().map(to).fold(f64::INFINITY, f64::min);
        if least <= self.limit {
            return 0.0;
        }
        if self.seen.len() < SEEN_MAX {
            self.seen.push(now);
        }
        if least.is_infinite() { 0.0 } else { least }
    }
}

/// What was told in the rows before, so that an incident is not told again and again.
struct Told {
    refractory: usize,
    /// Rows and scores, each score higher than those after it.
    highest: VecDeque<(usize, f64)>,
}

impl Told {
    fn worse(&mut self, row: usize, score: f64) -> f64 {
        while self.highest.front().is_some_and(|(told, _)| told + self.refractory < row) {
            self.highest.pop_front();
        }
        let is_news = self.highest.front().is_none_or(|(_, highest)| score > *highest);
        while self.highest.back().is_some_and(|(_, last)| *last <= score) {
            self.highest.pop_back();
        }
        if score > 0.0 {
            self.highest.push_back((row, score));
        }
        if is_news { score } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A level that was never there is told once; a return to the old one is not told.
    #[test]
    fn a_new_level_is_told_once() {
        let values: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 100) / 500.0 + if (200..400).contains(&i) { 0.7 } else { 0.0 }).collect();
        let found = relative_entropy(&values, 0.0, 1.0, 52, 300).unwrap();
        let rows: Vec<usize> = (0..600).filter(|row| found[*row] > 0.0).collect();
        assert!(rows.iter().all(|row| (200..252).contains(row)) && !rows.is_empty(), "{rows:?}");
        assert!(relative_entropy(&values, 1.0, 1.0, 52, 0).is_err() && relative_entropy(&values, 0.0, 1.0, 1, 0).is_err());
    }
}
