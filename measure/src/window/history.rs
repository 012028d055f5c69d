//! The values before a row, kept in order.

use std::collections::VecDeque;

/// Values in order, the oldest of which leave once there are too many.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    sorted: Vec<f64>,
    arrivals: VecDeque<f64>,
}

impl History {
    /// Adds a number, and drops the oldest beyond `max`.
    pub fn push(&mut self, x: f64, max: usize) {
        let at = self.sorted.partition_point(|other| other.total_cmp(&x).is_lt());
        self.sorted.insert(at, x);
        self.arrivals.push_back(x);
        if self.arrivals.len() > max
            && let Some(oldest) = self.arrivals.pop_front()
        {
            let at = self.sorted.partition_point(|other| other.total_cmp(&oldest).is_lt());
            self.sorted.remove(at);
        }
    }

    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The median and the median absolute deviation; `None` without a value.
    pub fn median_and_mad(&self) -> Option<(f64, f64)> {
        let (first, n) = (self.sorted.first()?, self.sorted.len());
        let median = middle(n, |place| self.sorted[place]);
        if !median.is_finite() {
            // Among infinite values those that equal the median do not deviate from it.
            return Some((median, if *first == median && self.sorted[n - 1] == median { 0.0 } else { f64::NAN }));
        }
        // The deviations below the median and those above are each in order already: walk both from the middle outwards.
        let (mut below, mut above) = (self.sorted.partition_point(|x| *x < median), 0);
        above += below;
        let (lower, upper) = ((n - 1) / 2, n / 2);
        let (mut at_lower, mut at_upper) = (0.0, 0.0);
        for place in 0..=upper {
            let down = if below > 0 { median - self.sorted[below - 1] } else { f64::INFINITY };
            let up = if above < n { self.sorted[above] - median } else { f64::INFINITY };
            let deviation = down.min(up);
            if down <= up {
                below = below.saturating_sub(1)
            } else {
                above += 1
            }
            if place == lower {
                at_lower = deviation;
            }
            at_upper = deviation;
        }
        Some((median, if n % 2 == 1 { at_upper } else { (at_lower + at_upper) / 2.0 }))
    }
}

fn middle(n: usize, at: impl Fn(usize) -> f64) -> f64 {
    if n % 2 == 1 { at(n / 2) } else { f64::midpoint(at(n / 2 - 1), at(n / 2)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept in order must be what sorting from scratch gives.
    #[test]
    fn equals_sorting_again() {
        let values: Vec<f64> = (0..200).map(|i| f64::from((i * 37) % 101)).collect();
        for max in [1, 2, 7, 64, 1000] {
            let mut history = History::default();
            for end in 1..=values.len() {
                history.push(values[end - 1], max);
                let mut window = values[end.saturating_sub(max)..end].to_vec();
                window.sort_by(f64::total_cmp);
                let median = middle(window.len(), |place| window[place]);
                window.iter_mut().for_each(|x| *x = (*x - median).abs());
                window.sort_by(f64::total_cmp);
                assert_eq!(history.median_and_mad(), Some((median, middle(window.len(), |place| window[place]))));
            }
        }
        assert_eq!(History::default().median_and_mad(), None);
    }
}
