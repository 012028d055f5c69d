//! The Page-Hinkley test.

use crate::error::{Error, open_unit};

/// Settings of the Page-Hinkley test; the defaults are River's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkley {
    /// Rows before a change can be seen.
    pub n_min: u64,
    /// Deviation from the mean that is tolerated, in the unit of the values.
    pub delta: f64,
    /// Sum of deviations beyond which there is a change, in the unit of the values.
    pub threshold: f64,
    /// Share of the sum that is kept from row to row.
    pub alpha: f64,
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self { n_min: 30, delta: 0.005, threshold: 50.0, alpha: 0.9999 }
    }
}

/// Page-Hinkley test for a change of the mean in either direction: whether each row is where one was found.
///
/// `S = α S + (x − x̄) ∓ δ` with the running mean x̄; a change is found where S is more than the threshold above its least value, or below its
/// greatest one, and everything begins anew. NaN is no row. Errors unless `0 < alpha <= 1`.
/// Source: Page (1954); equal to `river.drift.PageHinkley`.
pub fn page_hinkley(values: &[f64], settings: PageHinkley) -> Result<Vec<bool>, Error> {
    if settings.alpha != 1.0 {
        open_unit("page_hinkley", "alpha", settings.alpha)?;
    }
    let mut state = State::default();
    Ok(values.iter().map(|x| !x.is_nan() && state.update(*x, &settings)).collect())
}

#[derive(Debug)]
struct State {
    n: u64,
    mean: f64,
    up: f64,
    down: f64,
    least: f64,
    most: f64,
}

impl Default for State {
    fn default() -> Self {
        Self { n: 0, mean: 0.0, up: 0.0, down: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl State {
    fn update(&mut self, x: f64, settings: &PageHinkley) -> bool {
        self.n += 1;
        self.mean += (x - self.mean) / self.n as f64;
        let deviation = x - self.mean;
        self.up = settings.alpha * self.up + deviation - settings.delta;
        self.down = settings.alpha * self.down + deviation + settings.delta;
        self.least = self.least.min(self.up);
        self.most = self.most.max(self.down);
        let found = self.n >= settings.n_min && (self.up - self.least > settings.threshold || self.most - self.down > settings.threshold);
        if found {
            *self = Self::default();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `river.drift.PageHinkley` on the same series: the rows at which it found a change.
    #[test]
    fn equals_river() {
        let values: Vec<f64> = (1..=3000)
            .map(|i| {
                let step = |at: u32, by: f64| if i > at { by } else { 0.0 };
                (f64::from(i) * 0.618_033_988_749_894_9).fract() + step(700, 0.5) + step(1500, 0.9) - step(2300, 1.3)
            })
            .collect();
        let found = page_hinkley(&values, PageHinkley::default()).unwrap();
        let found: Vec<usize> = found.iter().enumerate().filter(|(_, found)| **found).map(|(row, _)| row).collect();
        assert_eq!(found, [808, 1557, 2339]);
    }
}
