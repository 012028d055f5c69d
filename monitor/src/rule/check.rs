//! What a rule may not say, and what to write instead.

use measure::permute::{DRAWS, DRAWS_MIN};

use super::{Duration, Level, Rule, RuleError, Scale};
use crate::config::Limits;
use crate::detectors::Detector;

impl Rule {
    /// Checks every value, alone and with the others.
    pub(super) fn check(&self) -> Result<(), RuleError> {
        let wrong = |key: &'static str, problem: String| Err(RuleError::Value { key, problem });
        let name_ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(name_ok) {
            return wrong("name", format!("{:?} must be 1 to 64 of a-z, 0-9, '-' and '_'", self.name));
        }
        if self.every < Duration(60_000_000) {
            return wrong("every", format!("{} is too often; write 1m or more", self.every));
        }
        if self.window.0 > 92 * Duration::DAY.0 {
            return wrong("window", format!("{} is too long; write 92d or less", self.window));
        }
        if !(self.q > 0.0 && self.q <= 1.0) {
            return wrong("q", format!("{} must be above 0 and at most 1", self.q));
        }
        if !(self.effect_floor() >= 0.0 && self.effect_floor().is_finite()) {
            return wrong("effect_floor", format!("{} must be 0 or more", self.effect_floor()));
        }
        for (key, count) in [("for", self.hold), ("resolve_for", self.resolve_for()), ("no_data", self.no_data.hold)] {
            if !(1..=1_000).contains(&count) {
                return wrong(key, format!("{count} evaluations must be 1 to 1000"));
            }
        }
        if !(0.0..=1.0).contains(&self.min_coverage) {
            return wrong("min_coverage", format!("{} must be 0 to 1", self.min_coverage));
        }
        if self.under.contains(&self.name) {
            return wrong("under", "a monitor cannot stand under itself".to_owned());
        }
        if self.min_n == 0 {
            return wrong("min_n", "must be 1 or more".to_owned());
        }
        if self.slices.len() + self.within.len() > 8 {
            return wrong("slices", "at most 8 columns in slices and within together".to_owned());
        }
        self.check_watch()
    }

    fn check_watch(&self) -> Result<(), RuleError> {
        let wrong = |key: &'static str, problem: &str| Err(RuleError::Value { key, problem: problem.to_owned() });
        match self.watch {
            Detector::Threshold if self.above.is_none() && self.below.is_none() => {
                return wrong("above", "watch: threshold needs above, below or both");
            }
            Detector::Budget if self.limit.is_none() => return wrong("limit", "watch: budget needs a limit"),
            Detector::Anomaly if !matches!(self.level, Level::Mean | Level::Median) => {
                return wrong("level", "watch: anomaly compares a mean or a median");
            }
            _ => {}
        }
        let least = self.least_p();
        if self.q < least {
            let problem = format!("{} is never reached: permuting clusters gives no p-value below {least}; write 0.01, and be sure by for", self.q);
            return Err(RuleError::Value { key: "q", problem });
        }
        if self.watch != Detector::Threshold && (self.above.is_some() || self.below.is_some()) {
            return wrong("above", "above and below belong to watch: threshold");
        }
        if self.watch != Detector::Budget && self.limit.is_some() {
            return wrong("limit", "a limit belongs to watch: budget");
        }
        if self.watch != Detector::Anomaly && !self.within.is_empty() {
            return wrong("within", "belongs to watch: anomaly");
        }
        if self.watch != Detector::Anomaly && self.scale == Scale::Log {
            return wrong("scale", "log belongs to watch: anomaly");
        }
        self.check_baseline()
    }

    /// The least adjusted p-value that can come out: permuting clusters takes fewer draws the more rows there are, and each slice costs a factor.
    fn least_p(&self) -> f64 {
        if self.watch != Detector::Drift || self.cluster.is_none() {
            return 0.0;
        }
        let many_rows = 1.0 / (DRAWS_MIN + 1) as f64;
        let n_tests = if self.slices.is_empty() { 1 } else { 1 + Limits::default().slices_max };
        many_rows.max(n_tests as f64 / (DRAWS + 1) as f64)
    }

    fn check_baseline(&self) -> Result<(), RuleError> {
        let wrong = |problem: &str| Err(RuleError::Value { key: "baseline", problem: problem.to_owned() });
        let baseline = &self.baseline;
        if matches!(self.watch, Detector::Threshold | Detector::Budget) {
            return Ok(());
        }
        if baseline.same_hours_of_weeks.is_none() && baseline.same_hours_of_days.is_none() && baseline.trailing.is_none() {
            return wrong("write same_hours_of_weeks: 4, same_hours_of_days: 14 or trailing: 14d");
        }
        if baseline.min_windows < 2 || baseline.min_n == 0 {
            return wrong("min_windows must be 2 or more, min_n 1 or more");
        }
        if self.reach() > 400 * Duration::DAY.0 {
            return wrong("reaches back more than 400 days");
        }
        let windows = baseline.trailing.map_or(0, |trailing| trailing.0 / self.window.0);
        if windows > 2_000 {
            return wrong("trailing holds more than 2000 windows; write a longer window or a shorter trailing");
        }
        Ok(())
    }
}
