//! A bounded, mergeable sample of numbers.

/// Values that are kept at most: all of them up to here, a sample of this size above.
pub(crate) const VALUES_MAX: usize = 1_000_000;

/// Every value that was added up to a number of them, and a uniform sample of that size above it.
///
/// Each value draws a key from its bits and its position; the values with the least keys are kept, which is a uniform sample
/// whatever the order of merging. Equal input in equal batches gives the same sample.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    max: usize,
    seen: u64,
    /// Between `max` and twice as many, so that the cost of choosing is spread.
    kept: Vec<(u64, f64)>,
}

impl Sample {
    /// Makes an empty sample of at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, seen: 0, kept: Vec::new() }
    }

    /// Adds a value; NaN is one too.
    pub(crate) fn add(&mut self, value: f64) {
        self.seen += 1;
        self.keep(mix(value.to_bits() ^ mix(self.seen)), value);
    }

    /// Adds what another sample kept; `seen` is how many values it stood for.
    pub(crate) fn merge(&mut self, seen: u64, kept: impl Iterator<Item = (u64, f64)>) {
        self.seen += seen;
        kept.for_each(|(key, value)| self.keep(key, value));
    }

    fn keep(&mut self, key: u64, value: f64) {
        self.kept.push((key, value));
        if self.kept.len() >= self.max.saturating_mul(2) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.kept.len() > self.max {
            self.kept.select_nth_unstable_by_key(self.max, |(key, _)| *key);
            self.kept.truncate(self.max);
        }
    }

    /// Returns the number of values that were added, here or to samples that were merged.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns the keys and values of the sample.
    pub(crate) fn kept(&mut self) -> &[(u64, f64)] {
        self.shrink();
        &self.kept
    }

    /// Returns the values of the sample.
    pub(crate) fn values(&mut self) -> Vec<f64> {
        self.kept().iter().map(|(_, value)| *value).collect()
    }

    /// Returns how much memory the sample takes.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<(u64, f64)>()
    }
}

/// SplitMix64's finalizer: each bit of the input moves about half of the output's.
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_bound_every_value_is_kept() {
        let mut sample = Sample::new(10);
        (0..10).for_each(|i| sample.add(f64::from(i)));
        let mut values = sample.values();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, (0..10).map(f64::from).collect::<Vec<_>>());
    }

    /// The sample must not lean to early values, to late ones, or to one side of a merge.
    #[test]
    fn above_the_bound_the_sample_is_uniform() {
        let (mut left, mut right) = (Sample::new(2_000), Sample::new(2_000));
        (0..50_000).for_each(|i| left.add(f64::from(i)));
        (50_000..100_000).for_each(|i| right.add(f64::from(i)));
        let (seen, kept) = (right.seen(), right.kept().to_vec());
        left.merge(seen, kept.into_iter());
        let values = left.values();
        assert_eq!((values.len(), left.seen()), (2_000, 100_000));
        for tenth in 0..10 {
            let range = f64::from(tenth) * 10_000.0..f64::from(tenth + 1) * 10_000.0;
            let count = values.iter().filter(|value| range.contains(value)).count();
            assert!((130..270).contains(&count), "tenth {tenth} has {count} of 2000");
        }
    }
}
