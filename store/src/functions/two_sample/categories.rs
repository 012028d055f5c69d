//! Both sides as counts of categories: exact up to a number of distinct ones, an error above.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err};

use super::{Collect, Column, Sides};
use crate::functions::aggregate::{integers, items, text_items, texts};

/// Distinct categories that are counted at most.
pub(super) const CATEGORIES_MAX: usize = 100_000;

/// The nulls of both sides, then the categories and how often each is on either side.
pub(super) const STATE: &[(&str, DataType)] =
    &[("nulls", DataType::UInt64), ("categories", DataType::Utf8View), ("reference", DataType::UInt64), ("current", DataType::UInt64)];

/// How often each category is on the reference's side, and on the current one.
#[derive(Debug, Default)]
pub(super) struct Categories {
    counts: HashMap<Box<str>, [u64; 2]>,
    nulls: [u64; 2],
    bytes: usize,
}

impl Categories {
    fn add(&mut self, value: Option<&str>, counts: [u64; 2]) -> Result<()> {
        let both = match value {
            None => &mut self.nulls,
            Some(value) => self.entry(value)?,
        };
        both[0] += counts[0];
        both[1] += counts[1];
        Ok(())
    }

    fn entry(&mut self, value: &str) -> Result<&mut [u64; 2]> {
        if !self.counts.contains_key(value) {
            refuse_too_many(self.counts.len())?;
            self.bytes += value.len() + size_of::<(Box<str>, [u64; 2])>();
        }
        Ok(self.counts.entry(value.into()).or_default())
    }
}

/// Refuses one more category than are counted.
pub(super) fn refuse_too_many(n_categories: usize) -> Result<()> {
    if n_categories >= CATEGORIES_MAX {
        return exec_err!("more than {CATEGORIES_MAX} distinct values; compare something with fewer, such as a prefix or a length");
    }
    Ok(())
}

impl Collect for Categories {
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (texts, current) = (columns[0].as_string_view(), columns[1].as_boolean());
        for (text, current) in texts.iter().zip(current) {
            let Some(current) = current else { continue };
            match text.and_then(|text| self.counts.get_mut(text)) {
                Some(counts) => counts[usize::from(current)] += 1,
                None => self.add(text, [u64::from(!current), u64::from(current)])?,
            }
        }
        Ok(())
    }

    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()> {
        let nulls = items::<UInt64Type>(&parts[0], row);
        self.add(None, [nulls.value(0), nulls.value(1)])?;
        let (texts, reference, current) = (text_items(&parts[1], row), items::<UInt64Type>(&parts[2], row), items::<UInt64Type>(&parts[3], row));
        (0..texts.len()).try_for_each(|at| self.add(Some(texts.value(at)), [reference.value(at), current.value(at)]))
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        let side = |side: usize| integers(self.counts.values().map(|counts| counts[side]).collect());
        vec![integers(self.nulls.to_vec()), texts(self.counts.keys().map(AsRef::as_ref)), side(0), side(1)]
    }

    fn sides(&mut self) -> Sides {
        let mut named: Vec<(String, [u64; 2])> = self.counts.iter().map(|(name, counts)| (name.to_string(), *counts)).collect();
        named.sort_unstable();
        let n = named.iter().map(|(_, counts)| counts).chain([&self.nulls]).flatten().sum();
        Sides { column: Column::Categories { named, nulls: self.nulls }, rows: None, exact: true, n }
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
