//! What the cases without a score could make of a metric, at their worst and at their best (Manski's bounds).

use crate::checks::Scale;
use crate::gate::pairing::Shared;
use crate::gate::phrase::{change, counted, number};
use crate::gate::values::CaseValue;
use crate::metrics::Metric;

/// Ends between which a figure lies, whatever the unscored cases are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub ends: [f64; 2],
    /// Whether they are of the difference, and not of this run's value.
    pub of_difference: bool,
    n_unscored: usize,
}

impl Bounds {
    /// The bounds of the difference over the cases of both runs; a case that the baseline did not score either may have moved all the way.
    pub(crate) fn of_difference(metric: &Metric, cases: &[Shared<'_>]) -> Option<Self> {
        let (mut n, mut n_unscored, mut ends) = (0, 0, [0.0, 0.0]);
        for case in cases {
            let [low, high] = match (case.old.scored(), case.new) {
                (Some(old), CaseValue::Scored(new)) => [new - old; 2],
                (Some(old), CaseValue::Unscored) => [0.0 - old, 1.0 - old],
                (None, CaseValue::Unscored) => [-1.0, 1.0],
                _ => continue,
            };
            n += 1;
            n_unscored += usize::from(case.new == CaseValue::Unscored);
            ends = [ends[0] + low, ends[1] + high];
        }
        Self::found(metric, ends, n, n_unscored, true)
    }

    /// The bounds of the value of one run.
    pub(crate) fn of_value(metric: &Metric, values: &[f64], n_unscored: usize) -> Option<Self> {
        let sum: f64 = values.iter().sum();
        Self::found(metric, [sum, sum + n_unscored as f64], values.len() + n_unscored, n_unscored, false)
    }

    /// Nothing where every case is scored, or the metric has no range.
    fn found(metric: &Metric, sums: [f64; 2], n: usize, n_unscored: usize, of_difference: bool) -> Option<Self> {
        let ends = sums.map(|sum| sum / n.max(1) as f64);
        (n_unscored > 0 && metric.scale != Scale::Unbounded).then_some(Self { ends, of_difference, n_unscored })
    }

    /// Says it as the end of a sentence.
    pub(crate) fn sentence(&self) -> String {
        let [low, high] = self.ends;
        let cases = counted(self.n_unscored, "unscored case");
        match self.of_difference {
            true => format!("whatever the {cases}, the difference is from {} to {}", change(low, Scale::Rate), change(high, Scale::Rate)),
            false => format!("whatever the {cases}, the value is from {} to {}", number(low), number(high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Better, MetricSpec};

    #[test]
    fn the_unscored_are_at_their_worst_and_at_their_best() {
        let metric = Metric { name: "m".to_owned(), scale: Scale::Rate, better: Better::Higher, spec: MetricSpec::default() };
        let key = ("a".to_owned(), 0, 0);
        let case = |old, new| Shared { key: &key, old, new };
        let (right, wrong, none) = (CaseValue::Scored(1.0), CaseValue::Scored(0.0), CaseValue::Unscored);
        let cases = [case(right, right), case(right, wrong), case(right, none), case(none, none)];
        assert_eq!(Bounds::of_difference(&metric, &cases).unwrap().ends, [-3.0 / 4.0, 0.0]);
        assert_eq!(Bounds::of_difference(&metric, &cases[..2]), None);
        assert_eq!(Bounds::of_value(&metric, &[1.0, 0.0], 2).unwrap().ends, [0.25, 0.75]);
        let unbounded = Metric { scale: Scale::Unbounded, ..metric };
        assert_eq!(Bounds::of_value(&unbounded, &[1.0], 2), None);
    }
}
