//! `on_inconclusive: extend`: more repeats are drawn until the run can tell, and every look is one that may be followed by another.
//!
//! Looking again with a fixed test would be a false alarm waiting for its chance, and a fixed test first with a sequence after it, too. So such a run
//! decides by the anytime-valid confidence sequence from its first look. Cases stay what they are, repeats make their differences less noisy: the
//! mean difference after more repeats is the earlier one with news added, as after more cases, and its information grows no faster than the number
//! of repeats. That number is the sequence's time, which errs on the side of waiting.

use measure::window::{level_of_a_look, one_sided_reach, p_of_any_look};

use crate::error::Error;
use crate::gate::compare::LEVEL;
use crate::report::CaseReport;
use crate::spec::OnInconclusive;
use crate::suite::Suite;

/// How often a run is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Looks {
    /// Once, when it is whole.
    Once,
    /// Whenever repeats were added.
    Anytime {
        /// Repeats now, as a multiple of those at the first look.
        time: f64,
        /// Where between the first look and the last one the sequence is narrowest.
        narrowest: f64,
    },
}

impl Looks {
    /// How a suite's runs are looked at, after these answers.
    pub(crate) fn of(suite: &Suite, cases: &[CaseReport]) -> Self {
        if suite.gate.on_inconclusive != OnInconclusive::Extend {
            return Looks::Once;
        }
        let first = f64::from(suite.repeat.max(1));
        let share = |repeats: u32| (f64::from(repeats) / first).max(1.0);
        Looks::Anytime { time: share(repeats_in(cases)), narrowest: share(suite.gate.extend_max).sqrt() }
    }

    /// The level that the p-value of one test has to reach at this look, so that all looks together keep `alpha`.
    pub(crate) fn level(self, alpha: f64) -> Result<f64, Error> {
        match self {
            Looks::Once => Ok(alpha),
            Looks::Anytime { time, narrowest } => Ok(level_of_a_look(time, alpha, narrowest)?),
        }
    }

    /// Standard errors that a one-sided 95 % bound stands away from its estimate, where there is much to estimate it from.
    pub(crate) fn reach(self) -> Result<f64, Error> {
        match self {
            Looks::Once => Ok(1.6449),
            Looks::Anytime { time, narrowest } => Ok(one_sided_reach(time, 1.0 - LEVEL, narrowest)?),
        }
    }

    /// The p-value that holds at every look, out of the one that holds at this look alone; `alpha` is the level that it is held against.
    pub(crate) fn p(self, p: f64, alpha: f64) -> Result<f64, Error> {
        match self {
            Looks::Anytime { time, narrowest } if !p.is_nan() => Ok(p_of_any_look(p, time, alpha, narrowest)?),
            _ => Ok(p),
        }
    }

    /// The level of the displayed intervals, each taken alone.
    pub(crate) fn of_interval(self) -> Result<f64, Error> {
        match self {
            Looks::Once => Ok(LEVEL),
            Looks::Anytime { .. } => Ok(1.0 - 2.0 * self.level((1.0 - LEVEL) / 2.0)?),
        }
    }

    /// What intervals and tests are called beside their own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Looks::Once => "",
            Looks::Anytime { .. } => ", anytime-valid",
        }
    }
}

/// Repeats of a case that there are.
pub(crate) fn repeats_in(cases: &[CaseReport]) -> u32 {
    cases.iter().map(|case| case.repeat + 1).max().unwrap_or(0)
}
