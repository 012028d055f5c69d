//! Both sides row by row with each row's cluster: every row up to a bound, above it a sample of whole clusters.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use measure::Sorted;
use twox_hash::XxHash3_128;

use super::categories::refuse_too_many;
use super::{Collect, Column, Sides};
use crate::functions::aggregate::{integers, items, numbers, text_items, texts};
use crate::functions::tally::{VALUES_MAX, mix};

/// The greatest hash of a cluster that is kept and the rows that were seen, the names of categories, then values and clusters of either side.
pub(super) const STATE: &[(&str, DataType)] = &[
    ("head", DataType::UInt64),
    ("categories", DataType::Utf8View),
    ("reference", DataType::Float64),
    ("reference_clusters", DataType::UInt64),
    ("current", DataType::Float64),
    ("current_clusters", DataType::UInt64),
];

/// Values, or the codes of categories, with the hashes of their clusters; a null is NaN.
#[derive(Debug, Default, Clone)]
pub(crate) struct ClusterRows {
    pub values: Vec<f64>,
    pub clusters: Vec<u64>,
}

/// The rows of both sides.
///
/// Above the bound the clusters with the greatest hashes are left out, half of those that are left at a time: which ones hangs neither
/// on the order of rows nor on how they were divided, and two columns of one table keep the same sessions.
#[derive(Debug)]
pub(super) struct Clustered {
    limit: u64,
    names: Vec<Box<str>>,
    codes: HashMap<Box<str>, u32>,
    is_text: bool,
    sides: [ClusterRows; 2],
    seen: u64,
    rows_max: usize,
}

impl Default for Clustered {
    fn default() -> Self {
        Self {
            limit: u64::MAX,
            names: Vec::new(),
            codes: HashMap::default(),
            is_text: false,
            sides: Default::default(),
            seen: 0,
            rows_max: VALUES_MAX,
        }
    }
}

impl Clustered {
    fn add(&mut self, side: usize, value: f64, cluster: u64) {
        if cluster > self.limit {
            return;
        }
        self.sides[side].values.push(value);
        self.sides[side].clusters.push(cluster);
        if self.sides[side].values.len() > self.rows_max {
            self.lower(self.limit / 2);
        }
    }

    /// Leaves out the clusters above a limit, and halves it while there are too many rows.
    fn lower(&mut self, limit: u64) {
        self.limit = self.limit.min(limit);
        for rows in &mut self.sides {
            let mut kept = 0;
            for at in 0..rows.clusters.len() {
                if rows.clusters[at] <= self.limit {
                    (rows.values[kept], rows.clusters[kept]) = (rows.values[at], rows.clusters[at]);
                    kept += 1;
                }
            }
            rows.values.truncate(kept);
            rows.clusters.truncate(kept);
        }
        if self.limit > 0 && self.sides.iter().any(|rows| rows.values.len() > self.rows_max) {
            self.lower(self.limit / 2);
        }
    }

    fn code(&mut self, name: &str) -> Result<u32> {
        if let Some(code) = self.codes.get(name) {
            return Ok(*code);
        }
        refuse_too_many(self.names.len())?;
        let code = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.codes.insert(name.into(), code);
        Ok(code)
    }

    /// A row without a cluster is one of its own; how many there were before tells equal values apart.
    fn cluster_of(&self, clusters: &StringViewArray, row: usize, value: f64) -> u64 {
        if clusters.is_valid(row) {
            return hash(clusters.value(row));
        }
        let before = self.sides[0].values.len() + self.sides[1].values.len();
        mix(value.to_bits() ^ mix(before as u64))
    }

    fn rows(&mut self, current: &BooleanArray, clusters: &StringViewArray, mut value: impl FnMut(&mut Self, usize) -> Result<f64>) -> Result<()> {
        for row in 0..current.len() {
            if current.is_valid(row) {
                let value = value(self, row)?;
                self.seen += 1;
                self.add(usize::from(current.value(row)), value, self.cluster_of(clusters, row, value));
            }
        }
        Ok(())
    }
}

/// The hash of a cluster's name, evenly spread, the same on every machine.
pub(in crate::functions) fn hash(name: &str) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are enough")]
    let half = XxHash3_128::oneshot(name.as_bytes()) as u64;
    half
}

impl Collect for Clustered {
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (current, clusters) = (columns[1].as_boolean(), columns[2].as_string_view());
        if let Some(numbers) = columns[0].as_primitive_opt::<Float64Type>() {
            return self.rows(current, clusters, |_, row| Ok(if numbers.is_valid(row) { numbers.value(row) } else { f64::NAN }));
        }
        let texts = columns[0].as_string_view();
        self.is_text = true;
        self.rows(current, clusters, |state, row| if texts.is_valid(row) { state.code(texts.value(row)).map(f64::from) } else { Ok(f64::NAN) })
    }

    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()> {
        let names = text_items(&parts[1], row);
        // What a code of the other state is here.
        let codes = (0..names.len()).map(|at| self.code(names.value(at)).map(f64::from)).collect::<Result<Vec<_>>>()?;
        self.is_text |= !codes.is_empty();
        let here = |value: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code is a whole number from 0")]
            let code = value as usize;
            if value.is_nan() { value } else { codes.get(code).copied().unwrap_or(value) }
        };
        let head = items::<UInt64Type>(&parts[0], row);
        self.seen += head.value(1);
        self.lower(head.value(0));
        for side in 0..2 {
            let (values, clusters) = (items::<Float64Type>(&parts[2 + 2 * side], row), items::<UInt64Type>(&parts[3 + 2 * side], row));
            for (value, cluster) in values.values().iter().zip(clusters.values()) {
                self.add(side, here(*value), *cluster);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        let parts = [integers(vec![self.limit, self.seen]), texts(self.names.iter().map(AsRef::as_ref))];
        let sides = std::mem::take(&mut self.sides).into_iter().flat_map(|rows| [numbers(rows.values), integers(rows.clusters)]);
        parts.into_iter().chain(sides).collect()
    }

    fn sides(&mut self) -> Sides {
        let (exact, n) = (self.limit == u64::MAX, self.seen);
        let rows = self.sides.clone();
        if !self.is_text {
            let sorted = rows.each_ref().map(|rows| Sorted::new(rows.values.clone()));
            return Sides { column: Column::Numbers(Box::new(sorted)), rows: Some(rows), exact, n };
        }
        let (named, rows) = in_order(&self.names, rows);
        let nulls = rows.each_ref().map(|rows| rows.values.iter().filter(|value| value.is_nan()).count() as u64);
        Sides { column: Column::Categories { named, nulls }, rows: Some(rows), exact, n }
    }

    fn bytes(&self) -> usize {
        let rows: usize = self.sides.iter().map(|rows| (rows.values.capacity() + rows.clusters.capacity()) * 8).sum();
        rows + self.names.iter().map(|name| 2 * name.len() + 48).sum::<usize>()
    }
}

/// Counts the categories and puts their codes in the order of their names, which no order of rows changes.
fn in_order(names: &[Box<str>], mut rows: [ClusterRows; 2]) -> (Vec<(String, [u64; 2])>, [ClusterRows; 2]) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_unstable_by_key(|code| &names[*code]);
    let mut place = vec![0; names.len()];
    order.iter().enumerate().for_each(|(at, code)| place[*code] = at);
    let mut named: Vec<(String, [u64; 2])> = order.iter().map(|code| (names[*code].to_string(), [0, 0])).collect();
    for (side, rows) in rows.iter_mut().enumerate() {
        for value in rows.values.iter_mut().filter(|value| !value.is_nan()) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code is a whole number from 0")]
            let at = place[*value as usize];
            named[at].1[side] += 1;
            *value = at as f64;
        }
    }
    (named, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which clusters are left hangs on their hashes alone, and a cluster is there with all of its rows or not at all.
    #[test]
    fn above_the_bound_whole_clusters_are_kept() {
        let kept = |order: &mut dyn Iterator<Item = u64>| {
            let mut state = Clustered { rows_max: 300, ..Clustered::default() };
            order.for_each(|row| state.add(0, row as f64, hash(&format!("session {}", row / 5))));
            let mut values = state.sides[0].values.clone();
            values.sort_by(f64::total_cmp);
            values
        };
        let forth = kept(&mut (0..2_000));
        assert_eq!(forth, kept(&mut (0..2_000).rev()));
        assert!(forth.len() <= 300 && forth.len() > 100 && forth.len() % 5 == 0, "{}", forth.len());
    }
}
