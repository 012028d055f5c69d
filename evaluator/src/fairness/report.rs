//! What a report says about groups.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::gate::number;

/// Corrected p-value from which on a difference is called one.
const ALPHA: f64 = 0.05;

/// How a metric differs between the groups of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FairnessReport {
    /// The metric.
    pub metric: String,
    /// The column whose values are the groups.
    pub column: String,
    /// Difference below which groups count as treated alike.
    pub margin: f64,
    /// Highest group mean less lowest.
    pub gap: f64,
    /// The gap less what chance alone gives, at least 0.
    pub gap_adjusted: f64,
    /// p-value of the gap, by permutation of whole clusters between the groups, or of the groups within clusters.
    pub p: f64,
    /// The same, corrected for the number of metrics and groups.
    pub p_adjusted: f64,
    /// The group with the highest mean.
    pub highest: String,
    /// The group with the lowest mean.
    pub lowest: String,
    /// Lowest rate over highest, for metrics of 0 and 1. Never read it without the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub four_fifths_ratio: Option<f64>,
    /// How often groups of these sizes that are treated alike have a ratio below 0.8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub four_fifths_false_alarms: Option<f64>,
    /// The groups.
    pub groups: Vec<GroupReport>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Its name.
    pub group: String,
    /// Scored cases.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Interval of the mean at 95 %, clustered: Wilson's for rates, t on the log-odds for scores, else Student's.
    pub interval: Option<[f64; 2]>,
    /// The mean, shrunk to the groups' common one by how little is known of it.
    pub shrunk: Option<f64>,
    /// How it fares against the others where nothing else differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<OthersReport>,
}

/// One group against the others, template by template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OthersReport {
    /// Templates that were asked for the group and for another.
    pub n: usize,
    /// Mean difference: the group less the others.
    pub difference: f64,
    /// Its interval at 95 %: Student's, clustered.
    pub interval: [f64; 2],
    /// Two-sided p-value by flipping the signs of whole clusters.
    pub p: f64,
    /// The same, corrected for the number of groups and metrics.
    pub p_adjusted: f64,
    /// p-value that the difference is within the margin: small where that is shown.
    pub p_equivalent: f64,
    /// The same, corrected for the number of groups and metrics; 1 in reports that do not have it.
    #[serde(default = "unproven")]
    pub p_equivalent_adjusted: f64,
    /// Mean size of the differences, whichever way they go.
    pub mean_absolute: f64,
}

fn unproven() -> f64 {
    1.0
}

impl OthersReport {
    /// Says in a word or two what is known.
    fn finding(&self) -> &'static str {
        match (self.p_adjusted <= ALPHA, self.p_equivalent_adjusted <= ALPHA) {
            (true, false) => "differs",
            (true, true) => "differs, within the margin",
            (false, true) => "alike",
            (false, false) => "cannot be told",
        }
    }
}

impl FairnessReport {
    /// Says in a sentence how far apart the groups are.
    pub(crate) fn sentence(&self) -> String {
        let mut text = format!(
            "{} by {}: {} lowest, {} highest, gap {} of which {} is more than chance (p {:.4} adjusted)",
            self.metric,
            self.column,
            self.lowest,
            self.highest,
            number(self.gap),
            number(self.gap_adjusted),
            self.p_adjusted
        );
        if let (Some(ratio), Some(false_alarms)) = (self.four_fifths_ratio, self.four_fifths_false_alarms) {
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "; ratio {}, which groups of these sizes that are treated alike take below 0.8 in {:.0} % of runs",
                number(ratio),
                false_alarms * 100.0
            );
        }
        text
    }

    /// Tells each group as the cells of a table: group, n, mean, interval, shrunk, difference to the others, interval, p, finding.
    pub(crate) fn rows(&self) -> Vec<[String; 9]> {
        let range = |[low, high]: [f64; 2]| format!("{} to {}", number(low), number(high));
        let dash = || "-".to_owned();
        let row = |group: &GroupReport| {
            let others = group.others.as_ref();
            [
                group.group.clone(),
                group.n.to_string(),
                number(group.mean),
                group.interval.map_or_else(dash, range),
                group.shrunk.map_or_else(dash, number),
                others.map_or_else(dash, |others| number(others.difference)),
                others.map_or_else(dash, |others| range(others.interval)),
                others.map_or_else(dash, |others| format!("{:.4}", others.p_adjusted)),
                others.map_or_else(dash, |others| others.finding().to_owned()),
            ]
        };
        self.groups.iter().map(row).collect()
    }

    /// The names of the cells of [`FairnessReport::rows`].
    pub(crate) const COLUMNS: [&'static str; 9] = ["group", "n", "mean", "95 %", "shrunk", "to others", "95 %", "p adj.", "finding"];
}
