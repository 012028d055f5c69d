//! Numbers in bounded space: all of them up to a bound, above it counted on the finest grid that fits.

use measure::{Sorted, radix};

/// Values that are kept at most: all of them up to here, as many different rounded ones above.
pub(crate) const VALUES_MAX: usize = 1_000_000;

/// Every value up to a number of them; above, how often each occurs once all are rounded towards zero to their leading bits, as many
/// bits as leave no more different values than the bound.
///
/// What is kept is a function of the values alone: bits are only dropped where the values so far need it, and more values never need
/// fewer bits dropped, so that neither the order of rows nor how they were divided and merged plays a part. Nulls are counted.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    max: usize,
    seen: u64,
    nulls: u64,
    /// Trailing bits that are zero in every rounded value.
    dropped: u32,
    /// Rounded values, ascending, and how often each occurs; none while every value is kept.
    counts: Vec<(f64, u64)>,
    /// Values that are not counted yet, as they came.
    fresh: Vec<f64>,
}

/// What is written of a tally, to be merged into another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    /// Rows, nulls among them, and trailing bits that were dropped.
    pub head: [u64; 3],
    pub values: Vec<f64>,
    /// How often each value occurs; empty where they are all there, one by one.
    pub counts: Vec<u64>,
}

impl Tally {
    /// Makes an empty tally of at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, seen: 0, nulls: 0, dropped: 0, counts: Vec::new(), fresh: Vec::new() }
    }

    /// Adds a value; NaN is null.
    pub(crate) fn add(&mut self, value: f64) {
        self.seen += 1;
        if value.is_nan() {
            self.nulls += 1;
        } else {
            self.push(value);
        }
    }

    /// Adds what another tally wrote.
    pub(crate) fn merge(&mut self, [seen, nulls, dropped]: [u64; 3], values: &[f64], counts: &[u64]) {
        self.seen += seen;
        self.nulls += nulls;
        if counts.is_empty() {
            values.iter().for_each(|value| self.push(*value));
            return;
        }
        self.count();
        self.coarsen(u32::try_from(dropped).unwrap_or(0).max(self.dropped));
        let bits = self.dropped;
        self.join(values.iter().zip(counts).map(|(value, count)| (rounded(*value, bits), *count)));
    }

    /// Writes the tally. Whole values come in order, so that the threads that read the files share the sorting.
    pub(crate) fn write(&mut self) -> Written {
        if self.is_whole() {
            radix::sort(&mut self.fresh);
        } else {
            self.count();
        }
        let head = [self.seen, self.nulls, u64::from(self.dropped)];
        let (mut values, counts): (Vec<f64>, Vec<u64>) = self.counts.iter().copied().unzip();
        values.extend_from_slice(&self.fresh);
        Written { head, values, counts }
    }

    /// Returns both sides in order, on the same grid, so that what was equal stays equal: at most `max` values a side and the nulls in proportion.
    pub(crate) fn sorted([reference, current]: &mut [Self; 2]) -> [Sorted; 2] {
        for side in [&mut *reference, &mut *current] {
            if !side.is_whole() {
                side.count();
            }
        }
        let bits = reference.dropped.max(current.dropped);
        [&*reference, &*current].map(|side| if side.is_whole() { side.rounded_to(bits) } else { side.thinned(bits) })
    }

    /// Returns the number of rows that were added, here or to tallies that were merged.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns whether every value that was added is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.seen - self.nulls <= self.max as u64
    }

    /// Returns how much memory the tally takes.
    pub(crate) fn bytes(&self) -> usize {
        self.fresh.capacity() * size_of::<f64>() + self.counts.capacity() * size_of::<(f64, u64)>()
    }

    fn push(&mut self, value: f64) {
        // Adding zero turns -0.0 into 0.0, which is the same number.
        self.fresh.push(value + 0.0);
        if self.fresh.len() > self.max {
            self.count();
        }
    }

    /// Counts the values that came since.
    fn count(&mut self) {
        let mut fresh = std::mem::take(&mut self.fresh);
        radix::sort(&mut fresh);
        let bits = self.dropped;
        self.join(fresh.into_iter().map(|value| (rounded(value, bits), 1)));
    }

    /// Joins values that are in order, and drops bits where there are too many different ones.
    fn join(&mut self, others: impl Iterator<Item = (f64, u64)>) {
        let mut joined: Vec<(f64, u64)> = Vec::with_capacity(self.counts.len());
        let mut add = |(value, count): (f64, u64)| match joined.last_mut() {
            Some(last) if last.0 == value => last.1 += count,
            _ => joined.push((value, count)),
        };
        let mut own = std::mem::take(&mut self.counts).into_iter().peekable();
        for other in others {
            while let Some(smaller) = own.next_if(|own| own.0 <= other.0) {
                add(smaller);
            }
            add(other);
        }
        own.for_each(add);
        self.counts = joined;
        self.coarsen(self.bits_to_drop());
    }

    /// The fewest trailing bits without which there are no more different values than the bound: neighbours that first differ in a
    /// bit become one once it is dropped.
    fn bits_to_drop(&self) -> u32 {
        let mut differ_in = [0; 64];
        for pair in self.counts.windows(2) {
            let leading = (pair[0].0.to_bits() ^ pair[1].0.to_bits()).leading_zeros() as usize;
            differ_in[63 - leading.min(63)] += 1;
        }
        let (mut n, mut bits) = (self.counts.len(), 0);
        for differ in differ_in {
            if n <= self.max {
                break;
            }
            n -= differ;
            bits += 1;
        }
        bits.max(self.dropped)
    }

    fn coarsen(&mut self, bits: u32) {
        if bits > self.dropped {
            self.dropped = bits;
            coarsen(&mut self.counts, bits);
        }
    }

    fn rounded_to(&self, bits: u32) -> Sorted {
        Sorted::new(self.fresh.iter().map(|value| rounded(*value, bits)).collect()).with_nulls(as_size(self.nulls))
    }

    /// The values at the middles of `max` shares of equal size of all of them.
    fn thinned(&self, bits: u32) -> Sorted {
        let mut counts = self.counts.clone();
        coarsen(&mut counts, bits);
        let (n, max) = (u128::from(self.seen - self.nulls), self.max as u128);
        let mut counts = counts.into_iter();
        let (mut value, mut below) = (0.0, 0_u128);
        let at_even_ranks = (0..max).map(|place| {
            let rank = (2 * place + 1) * n / (2 * max);
            while below <= rank {
                let Some((next, count)) = counts.next() else { break };
                (value, below) = (next, below + u128::from(count));
            }
            value
        });
        let values = Sorted::new(at_even_ranks.collect());
        values.with_nulls(usize::try_from((u128::from(self.nulls) * max + n / 2) / n).unwrap_or(usize::MAX))
    }
}

fn coarsen(counts: &mut Vec<(f64, u64)>, bits: u32) {
    counts.iter_mut().for_each(|(value, _)| *value = rounded(*value, bits));
    counts.dedup_by(|later, first| {
        let same = later.0 == first.0;
        first.1 += if same { later.1 } else { 0 };
        same
    });
}

/// The value without its trailing bits; whole numbers and zero stay what they are the longest.
fn rounded(value: f64, bits: u32) -> f64 {
    f64::from_bits(value.to_bits() >> bits.min(63) << bits.min(63)) + 0.0
}

fn as_size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
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

    /// Many different values, half of them one and the same, nulls and infinite ones.
    fn value(i: u32) -> f64 {
        match i % 100 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2..52 => 0.3,
            _ => (f64::from(i) * 0.618_033_988_749_894_9).fract() - 0.5,
        }
    }

    fn tally(max: usize, rows: impl Iterator<Item = u32>) -> Tally {
        let mut tally = Tally::new(max);
        rows.for_each(|i| tally.add(value(i)));
        tally
    }

    #[test]
    fn up_to_the_bound_every_value_is_kept_in_order() {
        let mut tally = Tally::new(10);
        (0..6).rev().for_each(|i| tally.add(f64::from(i)));
        tally.merge([5, 1, 0], &[9.0, 8.0, 7.0, 6.0], &[]);
        assert!(tally.is_whole());
        assert_eq!(tally.write(), Written { head: [11, 1, 0], values: (0..10).map(f64::from).collect(), counts: vec![] });
    }

    /// What is kept must hang on the values alone: forth, back, and however they are divided.
    #[test]
    fn neither_order_nor_division_plays_a_part() {
        let forth = tally(1_000, 0..60_000).write();
        assert!(!forth.counts.is_empty() && forth.values.len() <= 1_000 && forth.values.len() > 500, "{}", forth.values.len());
        assert_eq!(forth, tally(1_000, (0..60_000).rev()).write());
        for n_parts in [2, 7, 200] {
            let mut whole = Tally::new(1_000);
            for part in 0..n_parts {
                let Written { head, values, counts } = tally(1_000, (0..60_000).filter(|i| i % n_parts == part)).write();
                whole.merge(head, &values, &counts);
            }
            assert_eq!(forth, whole.write(), "{n_parts} parts");
        }
    }

    /// What stands for all values has their shares, to one in a hundred where a thousand are kept; ties stay ties on the other side.
    #[test]
    fn above_the_bound_shares_stay() {
        let mut sides = [tally(1_000, 0..60_000), tally(1_000, 0..900)];
        let [reference, current] = Tally::sorted(&mut sides);
        assert_eq!((reference.values().len(), reference.nulls()), (1_000, 10));
        let all = tally(100_000, 0..60_000);
        let all = all.rounded_to(0);
        for edge in [-0.4, -0.1, 0.05, 0.31, 0.45] {
            let below = |side: &Sorted| side.values().partition_point(|x| *x < edge) as f64 / side.values().len() as f64;
            assert!((below(&reference) - below(&all)).abs() < 1e-2, "{edge}: {} {}", below(&reference), below(&all));
        }
        assert_eq!(current.values().len() + current.nulls(), 900);
        let heaviest = |side: &Sorted| side.runs().max_by_key(|(_, count)| *count).unwrap().0;
        assert_eq!(heaviest(&reference), heaviest(&current));
        assert_eq!(reference.values().last(), Some(&f64::INFINITY));
    }
}
