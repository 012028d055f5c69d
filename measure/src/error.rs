//! What can be wrong with the input of a measure.

/// An input for which a measure has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is too little to measure.
    #[error("{measure} needs at least {needed} {what}, got {found}")]
    TooFew {
        /// Name of the measure.
        measure: &'static str,
        /// What there is too little of.
        what: &'static str,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{measure} wants two lists of the same length, got {left} and {right}")]
    Lengths {
        /// Name of the measure.
        measure: &'static str,
        /// Length of the first list.
        left: usize,
        /// Length of the second list.
        right: usize,
    },
    /// A parameter lies outside of its range.
    #[error("{measure} wants {parameter} {wants}, got {value}")]
    Range {
        /// Name of the measure.
        measure: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// The range, in words.
        wants: &'static str,
        /// The value that was given.
        value: f64,
    },
}

/// Refuses a list that is shorter than a measure needs.
pub(crate) fn at_least(measure: &'static str, what: &'static str, needed: usize, found: usize) -> Result<(), Error> {
    if found < needed { Err(Error::TooFew { measure, what, needed, found }) } else { Ok(()) }
}

/// Refuses a share or a level outside of the open interval from 0 to 1.
pub(crate) fn open_unit(measure: &'static str, parameter: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(Error::Range { measure, parameter, wants: "between 0 and 1", value }) }
}
