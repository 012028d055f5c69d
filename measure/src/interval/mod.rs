//! Confidence intervals.

pub mod bonett_price;
pub mod clopper_pearson;
pub mod clustered_wilson;
pub mod floored_t;
pub mod jeffreys;
pub mod logit_t;
pub mod mean_ci;
pub(crate) mod sample;
pub mod wilson;

pub use bonett_price::{bonett_price, bonett_price_lower};
pub use clopper_pearson::clopper_pearson;
pub use clustered_wilson::clustered_wilson;
pub use floored_t::floored_t;
pub use jeffreys::jeffreys;
pub use logit_t::logit_t;
pub use mean_ci::{clustered_mean_ci, mean_ci};
pub use wilson::wilson;

use crate::error::{Error, at_least, open_unit};

/// The two ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Refuses a rate of nothing, more successes than trials, and a level outside of the open interval from 0 to 1.
fn check_rate(measure: &'static str, successes: u64, n: u64, level: f64) -> Result<(), Error> {
    at_least(measure, "trials", 1, usize::from(n > 0))?;
    open_unit(measure, "level", level)?;
    if successes > n {
        return Err(Error::Range { measure, parameter: "successes", wants: "at most the trials", value: successes as f64 });
    }
    Ok(())
}
