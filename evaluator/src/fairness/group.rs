//! The values of a metric by group, by pair and by cluster.

use std::collections::{BTreeMap, BTreeSet};

use measure::fairness::Member;

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
    /// What it depends on: its cluster in the suite, else its pair, else the case alone.
    pub cluster: Cluster,
}

/// The unit of resampling, by name; kinds of names do not meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cluster {
    Named(String),
    Pair(String),
    Case(String),
}

impl Cluster {
    fn of(named: String, pair: &str, case: &str) -> Self {
        match (named.is_empty(), pair.is_empty()) {
            (false, _) => Cluster::Named(named),
            (true, false) => Cluster::Pair(pair.to_owned()),
            (true, true) => Cluster::Case(case.to_owned()),
        }
    }
}

/// The differences between a group and the others, one a pair, and what they depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Differences {
    pub values: Vec<f64>,
    /// The cluster of each, from 0; nothing where each stands alone.
    pub clusters: Option<Vec<usize>>,
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
                let cluster = Cluster::of(suite.cluster.as_deref().map(|column| columns.value(key, column)).unwrap_or_default(), &pair, &key.0);
                groups.by_name.entry(group).or_default().push(Cell { value, pair, cluster });
            }
        }
        groups
    }

    /// Tells whether every value is 0 or 1.
    pub(super) fn are_rates(&self) -> bool {
        self.by_name.values().flatten().all(|cell| cell.value == 0.0 || cell.value == 1.0)
    }

    /// All cells, for a test of the gap between the groups in the order of their names.
    pub(super) fn members(&self) -> Vec<Member> {
        let clusters = numbers(self.by_name.values().flatten().map(|cell| &cell.cluster));
        let pairs = numbers(self.by_name.values().flatten().map(|cell| &cell.pair));
        let cells = self.by_name.values().enumerate().flat_map(|(group, cells)| cells.iter().map(move |cell| (group, cell)));
        let member = |(group, cell): (usize, &Cell)| Member { value: cell.value, group, cluster: clusters[&cell.cluster], pair: pairs[&cell.pair] };
        cells.map(member).collect()
    }

    /// The differences between a group and the mean of the others, one a pair that has both.
    ///
    /// Pairs whose cells share a cluster, directly or through other pairs, depend on each other.
    pub(super) fn against_others(&self, name: &str) -> Differences {
        let mine = by_pair(self.by_name.get(name).into_iter().flatten());
        let others = by_pair(self.by_name.iter().filter(|(other, _)| *other != name).flat_map(|(_, cells)| cells));
        let (mut values, mut linked) = (Vec::new(), Vec::new());
        for (pair, mine) in &mine {
            let Some(others) = others.get(pair) else { continue };
            values.push(mean(mine) - mean(others));
            linked.push(mine.iter().chain(others).map(|cell| &cell.cluster).collect::<BTreeSet<_>>());
        }
        Differences { values, clusters: joined(linked) }
    }
}

/// The clusters of one group's cells, from 0; nothing where each cell stands alone.
pub(super) fn clusters(cells: &[Cell]) -> Option<Vec<usize>> {
    let numbers = numbers(cells.iter().map(|cell| &cell.cluster));
    (numbers.len() < cells.len()).then(|| cells.iter().map(|cell| numbers[&cell.cluster]).collect())
}

fn numbers<'a, T: Ord>(names: impl Iterator<Item = &'a T>) -> BTreeMap<&'a T, usize> {
    names.collect::<BTreeSet<_>>().into_iter().zip(0..).collect()
}

/// Numbers sets so that those with a cluster in common, directly or through others, have one number; nothing where all differ.
fn joined(sets: Vec<BTreeSet<&Cluster>>) -> Option<Vec<usize>> {
    let n = sets.len();
    let mut parts: Vec<(BTreeSet<&Cluster>, Vec<usize>)> = Vec::new();
    for (index, set) in sets.into_iter().enumerate() {
        let (linked, apart): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(known, _)| !known.is_disjoint(&set));
        let mut part = (set, vec![index]);
        linked.into_iter().for_each(|(known, indexes)| {
            part.0.extend(known);
            part.1.extend(indexes);
        });
        parts = apart;
        parts.push(part);
    }
    let mut numbered = vec![0; n];
    parts.iter().enumerate().for_each(|(number, (_, indexes))| indexes.iter().for_each(|index| numbered[*index] = number));
    (parts.len() < n).then_some(numbered)
}

fn by_pair<'a>(cells: impl Iterator<Item = &'a Cell>) -> BTreeMap<&'a str, Vec<&'a Cell>> {
    let mut pairs: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in cells.filter(|cell| !cell.pair.is_empty()) {
        pairs.entry(&cell.pair).or_default().push(cell);
    }
    pairs
}

fn mean(cells: &[&Cell]) -> f64 {
    cells.iter().map(|cell| cell.value).sum::<f64>() / cells.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(cells: &[(&str, &str, f64)]) -> Groups {
        let mut groups = Groups::default();
        for (index, (group, pair, value)) in cells.iter().enumerate() {
            let cluster = Cluster::of(String::new(), pair, &index.to_string());
            groups.by_name.entry((*group).to_owned()).or_default().push(Cell { value: *value, pair: (*pair).to_owned(), cluster });
        }
        groups
    }

    fn named(value: f64, pair: &str, cluster: &str) -> Cell {
        Cell { value, pair: pair.to_owned(), cluster: Cluster::of(cluster.to_owned(), pair, "") }
    }

    /// Pairs of one template depend on each other, and those that a session runs through.
    #[test]
    fn pairs_that_share_a_cluster_belong_together() {
        let cells = |templates: [&str; 3], value: f64| {
            vec![named(value, "p0", templates[0]), named(value, "p1", templates[1]), named(value, "p2", templates[2])]
        };
        let clusters = |a: [&str; 3], b: [&str; 3]| {
            let by_name = [("a".to_owned(), cells(a, 1.0)), ("b".to_owned(), cells(b, 0.5))].into();
            Groups { by_name }.against_others("a").clusters
        };
        assert_eq!(clusters(["x", "y", "z"], ["x", "y", "z"]), None);
        assert_eq!(clusters(["x", "x", "z"], ["x", "x", "z"]), Some(vec![0, 0, 1]));
        assert_eq!(clusters(["s1", "s1", "s1"], ["s2", "s2", "s2"]), Some(vec![0, 0, 0]));
        assert_eq!(super::clusters(&cells(["x", "x", "z"], 1.0)), Some(vec![0, 0, 1]));
        assert_eq!(super::clusters(&cells(["x", "y", "z"], 1.0)), None);
    }

    #[test]
    fn a_group_is_held_against_the_others_of_the_same_template() {
        let found =
            groups(&[("a", "t1", 1.0), ("b", "t1", 0.0), ("c", "t1", 0.5), ("a", "t2", 0.0), ("b", "t3", 1.0), ("a", "", 1.0), ("b", "", 0.0)]);
        assert_eq!(found.against_others("a"), Differences { values: vec![0.75], clusters: None });
        assert_eq!(found.against_others("b"), Differences { values: vec![-0.75], clusters: None });
        assert!(!found.are_rates() && groups(&[("a", "", 1.0), ("b", "", 0.0)]).are_rates());
    }
}
