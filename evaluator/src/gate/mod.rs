//! The gate: from the cases of two runs to a verdict.
//!
//! `values` gives every metric a value a case, `pairing` finds the same cases in both runs, `compare` tests their differences, `bound`
//! proves margins, `single` gives one run's interval, `correct` corrects all tests together, `judge` applies one metric's rule, `needed` says what would decide, `extend` lets a run
//! be looked at again, `decide` wires them, `summary` puts the verdict in words, `changes` names cases.

mod bound;
mod changes;
mod compare;
mod correct;
mod decide;
mod extend;
mod judge;
mod manski;
mod needed;
mod pairing;
mod phrase;
#[cfg(test)]
mod simulation;
mod single;
mod slices;
mod summary;
mod values;

pub(crate) use decide::{Ended, decide};
pub(crate) use extend::repeats_in;
pub(crate) use pairing::Columns;
pub(crate) use phrase::number;
pub(crate) use single::mean_interval;
pub(crate) use values::Cases as CaseCells;
