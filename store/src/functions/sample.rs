//! A bounded, mergeable sample of numbers.

/// Values that are kept at most: all of them up to here, a sample of this size above.
pub(crate) const VALUES_MAX: usize = 1_000_000;

/// Every value that was added up to a number of them, and a uniform sample of that size above it.
///
/// Beyond the bound each value draws a key from its bits and its position; the values with the least keys are kept, which is a
/// uniform sample whatever the order of merging. Up to the bound there are no keys, so that a value costs eight bytes.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    max: usize,
    seen: u64,
    /// Up to the bound all values; beyond it up to twice as many as are kept, so that the cost of choosing is spread.
    values: Vec<f64>,
    /// A key a value, none while every value is kept.
    keys: Vec<u64>,
}

impl Sample {
    /// Makes an empty sample of at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, seen: 0, values: Vec::new(), keys: Vec::new() }
    }

    /// Adds a value; NaN is one too.
    pub(crate) fn add(&mut self, value: f64) {
        self.seen += 1;
        self.values.push(value);
        if self.values.len() > self.max {
            self.overflow();
        }
    }

    /// Adds what another sample kept; `seen` is how many values it stood for, `keys` is empty where it kept all of them.
    pub(crate) fn merge(&mut self, seen: u64, values: &[f64], keys: &[u64]) {
        let stays_whole = self.keys.is_empty() && keys.is_empty() && self.values.len() + values.len() <= self.max;
        if !stays_whole {
            self.draw_keys();
            let drawn = values.iter().zip(1..).map(|(value, place)| key(*value, place));
            if keys.is_empty() { self.keys.extend(drawn) } else { self.keys.extend_from_slice(keys) }
        }
        self.seen += seen;
        self.values.extend_from_slice(values);
        if !stays_whole && self.values.len() >= self.max.saturating_mul(2) {
            self.shrink();
        }
    }

    /// Draws the keys that are missing, and thins out where there are twice as many values as are kept.
    fn overflow(&mut self) {
        if self.keys.is_empty() {
            self.values.reserve_exact(self.max.saturating_sub(1));
            self.keys.reserve_exact(self.max.saturating_mul(2));
            self.draw_keys();
        } else if let Some(value) = self.values.last() {
            self.keys.push(key(*value, self.seen));
        }
        if self.values.len() >= self.max.saturating_mul(2) {
            self.shrink();
        }
    }

    fn draw_keys(&mut self) {
        if self.keys.is_empty() {
            self.keys.extend(self.values.iter().zip(1..).map(|(value, place)| key(*value, place)));
        }
    }

    /// Keeps the values with the least keys.
    fn shrink(&mut self) {
        if self.values.len() <= self.max || self.keys.is_empty() {
            return;
        }
        let mut order: Vec<u64> = self.keys.clone();
        let (_, limit, _) = order.select_nth_unstable(self.max - 1);
        let (limit, mut kept) = (*limit, 0);
        for at in 0..self.keys.len() {
            if self.keys[at] <= limit && kept < self.max {
                (self.keys[kept], self.values[kept]) = (self.keys[at], self.values[at]);
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.values.truncate(kept);
    }

    /// Returns the number of values that were added, here or to samples that were merged.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns whether every value that was added is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes the values and their keys out; there are no keys where every value is there. Whole values come in order, so that the threads
    /// that read the files share the sorting, and merging is a matter of joining runs.
    pub(crate) fn take(&mut self) -> (Vec<f64>, Vec<u64>) {
        self.shrink();
        if self.is_whole() {
            self.values.sort_by(f64::total_cmp);
        }
        (std::mem::take(&mut self.values), std::mem::take(&mut self.keys))
    }

    /// Returns how much memory the sample takes.
    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>() + self.keys.capacity() * size_of::<u64>()
    }
}

fn key(value: f64, place: u64) -> u64 {
    mix(value.to_bits() ^ mix(place))
}

/// SplitMix64's finalizer: each bit of the input moves about half of the output's.
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_the_bound_every_value_is_kept_in_order() {
        let mut sample = Sample::new(10);
        (0..6).rev().for_each(|i| sample.add(f64::from(i)));
        sample.merge(4, &[9.0, 8.0, 7.0, 6.0], &[]);
        assert!(sample.is_whole());
        assert_eq!(sample.take(), ((0..10).map(f64::from).collect(), vec![]));
    }

    /// The sample must not lean to early values, to late ones, or to one side of a merge.
    #[test]
    fn above_the_bound_the_sample_is_uniform() {
        let (mut left, mut right) = (Sample::new(2_000), Sample::new(2_000));
        (0..50_000).for_each(|i| left.add(f64::from(i)));
        (50_000..99_000).for_each(|i| right.add(f64::from(i)));
        let (seen, (values, keys)) = (right.seen(), right.take());
        left.merge(seen, &values, &keys);
        let rest: Vec<f64> = (99_000..100_000).map(f64::from).collect();
        left.merge(1_000, &rest, &[]);
        assert_eq!(left.seen(), 100_000);
        let (values, keys) = left.take();
        assert_eq!((values.len(), keys.len()), (2_000, 2_000));
        for tenth in 0..10 {
            let range = f64::from(tenth) * 10_000.0..f64::from(tenth + 1) * 10_000.0;
            let count = values.iter().filter(|value| range.contains(value)).count();
            assert!((130..270).contains(&count), "tenth {tenth} has {count} of 2000");
        }
    }
}
