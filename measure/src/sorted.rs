//! Numbers in ascending order: sorted once, compared often.

use std::borrow::Cow;

use crate::radix;

/// The numbers of one side in ascending order, and how many nulls there were. NaN is null; infinite values are numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sorted {
    values: Vec<f64>,
    nulls: usize,
}

impl Sorted {
    /// Sorts; quick where the values come in a few runs that are in order already.
    pub fn new(mut values: Vec<f64>) -> Self {
        let n_all = values.len();
        values.retain(|x| !x.is_nan());
        let nulls = n_all - values.len();
        // Adding zero turns -0.0 into 0.0, which is the same number and must not be another category.
        values.iter_mut().for_each(|x| *x += 0.0);
        radix::sort(&mut values);
        Self { values, nulls }
    }

    /// Adds nulls that were counted elsewhere.
    pub fn with_nulls(mut self, nulls: usize) -> Self {
        self.nulls += nulls;
        self
    }

    /// Returns the numbers, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns how many nulls there were.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// Returns how many values there are, nulls included.
    pub fn n_rows(&self) -> usize {
        self.values.len() + self.nulls
    }

    /// Lists each distinct number with how often it occurs.
    pub fn runs(&self) -> impl Iterator<Item = (f64, usize)> {
        self.values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len()))
    }
}

/// A sample as a measure takes it: in any order, or sorted before.
pub trait Sample {
    /// Returns the sample in order, sorting only where that was not done yet.
    fn sorted(&self) -> Cow<'_, Sorted>;
}

impl Sample for Sorted {
    fn sorted(&self) -> Cow<'_, Sorted> {
        Cow::Borrowed(self)
    }
}

impl Sample for [f64] {
    fn sorted(&self) -> Cow<'_, Sorted> {
        Cow::Owned(Sorted::new(self.to_vec()))
    }
}

impl Sample for Vec<f64> {
    fn sorted(&self) -> Cow<'_, Sorted> {
        self.as_slice().sorted()
    }
}

impl<const N: usize> Sample for [f64; N] {
    fn sorted(&self) -> Cow<'_, Sorted> {
        self.as_slice().sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_null_and_zero_has_no_sign() {
        let sorted = Sorted::new(vec![2.0, f64::NAN, 0.0, f64::NEG_INFINITY, -0.0]);
        assert_eq!((sorted.values(), sorted.nulls(), sorted.n_rows()), (&[f64::NEG_INFINITY, 0.0, 0.0, 2.0][..], 1, 5));
        assert_eq!(sorted.runs().collect::<Vec<_>>(), [(f64::NEG_INFINITY, 1), (0.0, 2), (2.0, 1)]);
    }
}
