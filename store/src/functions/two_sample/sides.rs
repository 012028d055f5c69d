//! What was gathered of both sides, as the measures want it.

use measure::drift::bins::is_discrete;
use measure::drift::{Binning, Counts, bin_numbers};
use measure::permute::{Pooled, Rows, Statistic};
use measure::shift::mmd::Unit;
use measure::{Error, Moments, Sorted};

use super::clustered::ClusterRows;
use crate::functions::cell::Cell;

/// Both sides of a comparison.
#[derive(Debug)]
pub(crate) struct Sides {
    /// The values.
    pub column: Column,
    /// Each row with its cluster, where the call names one.
    pub rows: Option<[ClusterRows; 2]>,
    /// Whether every row is there; else what stands for them: rounded values, some clusters, or buckets.
    pub exact: bool,
    /// Rows of both sides that were seen.
    pub n: u64,
}

/// The values of both sides, the reference's first.
#[derive(Debug)]
pub(crate) enum Column {
    /// Numbers.
    Numbers(Box<[Sorted; 2]>),
    /// Categories in the order of their names, with the count of either side.
    Categories { named: Vec<(String, [u64; 2])>, nulls: [u64; 2] },
    /// Count, mean and spread.
    Moments([Moments; 2]),
    /// Features of vectors.
    Vectors([Vec<Unit>; 2]),
}

impl Sides {
    /// Returns the numbers of both sides.
    pub(crate) fn numbers(&self) -> Result<(&Sorted, &Sorted), Error> {
        match &self.column {
            Column::Numbers(sides) => Ok((&sides[0], &sides[1])),
            _ => Err(Error::TooFew { measure: "comparison", what: "numbers a side", needed: 1, found: 0 }),
        }
    }

    /// Returns count, mean and spread of both sides.
    pub(crate) fn moments(&self) -> Result<(Moments, Moments), Error> {
        if let Column::Moments([reference, current]) = self.column {
            return Ok((reference, current));
        }
        let (reference, current) = self.numbers()?;
        Ok((Moments::of(reference.values()), Moments::of(current.values())))
    }

    /// Returns the counts of both sides over the same bins.
    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        match &self.column {
            Column::Categories { named, nulls } => Counts::of_categories(named.iter().map(|(_, [r, c])| (*r, *c)), (nulls[0], nulls[1])),
            _ => self.numbers().and_then(|(reference, current)| bin_numbers(reference, current)),
        }
    }

    /// Returns how many rows of both sides are compared: all that were seen, or those that stand for them.
    pub(crate) fn n_used(&self) -> u64 {
        match &self.column {
            Column::Numbers(sides) => sides.iter().map(|side| side.n_rows() as u64).sum(),
            Column::Categories { named, nulls } => named.iter().map(|(_, counts)| counts).chain([nulls]).flatten().sum(),
            Column::Moments(_) | Column::Vectors(_) => self.n,
        }
    }

    /// Returns the rows of both sides with their clusters, where the call names one.
    pub(crate) fn rows(&self) -> Option<(Rows<'_>, Rows<'_>)> {
        self.rows.as_ref().map(|[reference, current]| (rows_of(reference), rows_of(current)))
    }

    /// Returns the place of each value of [`Sides::rows`] in [`Sides::counts`].
    pub(crate) fn bin(&self) -> Result<Box<dyn Fn(f64) -> usize>, Error> {
        let Column::Categories { named, .. } = &self.column else {
            let (reference, current) = self.numbers()?;
            let binning = Binning::of(reference, current)?;
            return Ok(Box::new(move |value| binning.bin(value)));
        };
        let n_known = named.iter().filter(|(_, counts)| counts[0] > 0).count();
        let has_other = named.iter().any(|(_, counts)| counts[0] == 0);
        let mut next = 0;
        let of_code = named.iter().map(|(_, counts)| {
            let bin = if counts[0] > 0 { next } else { n_known };
            next += usize::from(counts[0] > 0);
            bin
        });
        let of_code: Vec<usize> = of_code.collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code is a whole number from 0")]
        let bin = move |code: f64| if code.is_nan() { n_known + usize::from(has_other) } else { of_code[code as usize] };
        Ok(Box::new(bin))
    }

    /// Tells whether each value is a bin of its own.
    fn has_categories(&self) -> bool {
        match &self.column {
            Column::Categories { .. } => true,
            Column::Numbers(sides) => is_discrete(&sides[0]),
            Column::Moments(_) | Column::Vectors(_) => false,
        }
    }

    /// The p-value of a test, by permuting clusters where the call names them, else as the test itself has it.
    pub(crate) fn p_value(&self, statistic: Statistic, plain: impl FnOnce(&Self) -> Result<f64, Error>) -> Result<Cell, Error> {
        let Some((reference, current)) = self.rows() else { return plain(self).map(Cell::Number) };
        let pooled = match statistic {
            Statistic::Chi2 | Statistic::G if self.has_categories() => Pooled::of_values(reference, current)?,
            Statistic::Chi2 | Statistic::G | Statistic::JsDistance => Pooled::of_bins(reference, current, self.bin()?)?,
            _ => Pooled::of_numbers(reference, current)?,
        };
        Ok(Cell::Number(pooled.permuted(statistic, None).p_value))
    }
}

fn rows_of(rows: &ClusterRows) -> Rows<'_> {
    Rows { values: &rows.values, clusters: &rows.clusters }
}
