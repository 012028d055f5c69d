//! The values of a metric by group and by pair.

use std::collections::BTreeMap;

use super::FairnessSpec;
use crate::gate::{CaseCells, Columns};
use crate::report::CaseReport;
use crate::suite::Suite;

/// One case of a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub value: f64,
    /// What the case shares with those of other groups; empty where it stands alone.
    pub pair: String,
}

/// The scored cases of every group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub by_name: BTreeMap<String, Vec<Cell>>,
}

impl Groups {
    /// Sorts the scored cases of a run into their groups; cases without a group are left out.
    pub(super) fn of(suite: &Suite, spec: &FairnessSpec, cases: &[CaseReport], metric: &str) -> Self {
        let columns = Columns::of(suite);
        let mut groups = Groups::default();
        for (key, value) in CaseCells::of(cases).values(metric) {
            let group = columns.value(key, &spec.group);
            if let Some(value) = value.scored().filter(|_| !group.is_empty()) {
                let pair = columns.value(key, &spec.pair);
                groups.by_name.entry(group).or_default().push(Cell { value, pair });
            }
        }
        groups
    }

    /// Tells whether every value is 0 or 1.
    pub(super) fn are_rates(&self) -> bool {
        self.by_name.values().flatten().all(|cell| cell.value == 0.0 || cell.value == 1.0)
    }

    /// The differences between a group and the mean of the others, one a pair that has both.
    pub(super) fn against_others(&self, name: &str) -> Vec<f64> {
        let mine = by_pair(self.by_name.get(name).into_iter().flatten());
        let others = by_pair(self.by_name.iter().filter(|(other, _)| *other != name).flat_map(|(_, cells)| cells));
        mine.iter().filter_map(|(pair, mine)| Some(mean(mine) - mean(others.get(pair)?))).collect()
    }
}

fn by_pair<'a>(cells: impl Iterator<Item = &'a Cell>) -> BTreeMap<&'a str, Vec<f64>> {
    let mut pairs: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for cell in cells.filter(|cell| !cell.pair.is_empty()) {
        pairs.entry(&cell.pair).or_default().push(cell.value);
    }
    pairs
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(cells: &[(&str, &str, f64)]) -> Groups {
        let mut groups = Groups::default();
        for (group, pair, value) in cells {
            groups.by_name.entry((*group).to_owned()).or_default().push(Cell { value: *value, pair: (*pair).to_owned() });
        }
        groups
    }

    #[test]
    fn a_group_is_held_against_the_others_of_the_same_template() {
        let found =
            groups(&[("a", "t1", 1.0), ("b", "t1", 0.0), ("c", "t1", 0.5), ("a", "t2", 0.0), ("b", "t3", 1.0), ("a", "", 1.0), ("b", "", 0.0)]);
        assert_eq!(found.against_others("a"), [0.75]);
        assert_eq!(found.against_others("b"), [-0.75]);
        assert!(!found.are_rates() && groups(&[("a", "", 1.0), ("b", "", 0.0)]).are_rates());
    }
}
