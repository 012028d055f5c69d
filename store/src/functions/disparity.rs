//! `disparity(value, group)`.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use measure::fairness::disparity::ROWS_MAX;
use measure::fairness::{Group, disparity};

use super::aggregate::{Kind, aggregate, integers, items, numbers, text_items, texts};
use super::cell::{Cell, record, scalar};
use super::function::Make;
use super::moments::{read, write};
use super::{Function, Section};

/// Groups that are compared at most.
const GROUPS_MAX: usize = 10_000;

pub(super) const FUNCTION: Function = Function {
    name: "disparity",
    syntax: "disparity(value, group) -> struct(gap, gap_adjusted, p_value, highest, lowest, n, n_groups, exact)",
    section: Section::Fairness,
    doc: "The gap between the highest and the lowest group mean (of a score, or of a rate where the value is a boolean), what is left of it beyond chance, and \
          its p-value, both by permuting rows between the groups 9,999 times: groups that do not differ show a gap too, and the more groups the larger.",
    defaults: "",
    nulls: "Rows without a value (null, NaN) or without a group are left out; null below two groups, neither gap_adjusted nor p_value where a value is infinite.",
    error: "Rows are permuted up to 20,000 of them (exact is true); above, the groups' means are drawn from their normal limit. Means and gap are exact for any \
            number of rows. Above 10,000 groups it is an error.",
    make: Make::Aggregate(make),
};

fn make() -> AggregateUDF {
    aggregate(FUNCTION.name, Fairness)
}

#[derive(Debug)]
struct Fairness;

impl Kind for Fairness {
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value, group] if (value.is_numeric() || value.is_null() || *value == DataType::Boolean) && !group.is_nested() => {
                Ok(vec![DataType::Float64, DataType::Utf8View])
            }
            _ => plan_err!("disparity takes a number or a boolean, and the group: disparity(value, group)"),
        }
    }

    fn returns(&self) -> DataType {
        record(&[
            ("gap", DataType::Float64),
            ("gap_adjusted", DataType::Float64),
            ("p_value", DataType::Float64),
            ("highest", DataType::Utf8View),
            ("lowest", DataType::Utf8View),
            ("n", DataType::Int64),
            ("n_groups", DataType::Int64),
            ("exact", DataType::Boolean),
        ])
    }

    fn state(&self, _: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![("groups", DataType::Utf8View), ("moments", DataType::Float64), ("kept", DataType::UInt64), ("values", DataType::Float64)]
    }

    fn accumulator(&self, _: &[DataType]) -> Box<dyn Accumulator> {
        Box::new(State { groups: BTreeMap::new(), n: 0, returns: self.returns() })
    }
}

/// The groups by name; their values only while there are few rows.
#[derive(Debug)]
struct State {
    groups: BTreeMap<Box<str>, Group>,
    n: usize,
    returns: DataType,
}

impl State {
    fn group(&mut self, name: &str) -> Result<&mut Group> {
        if !self.groups.contains_key(name) && self.groups.len() >= GROUPS_MAX {
            return exec_err!("more than {GROUPS_MAX} groups; compare something with fewer");
        }
        Ok(self.groups.entry(name.into()).or_default())
    }

    /// Counts rows, and lets the values go where there are too many.
    fn count(&mut self, rows: usize) {
        let before = self.n;
        self.n = before.saturating_add(rows);
        if self.n > ROWS_MAX && before <= ROWS_MAX {
            self.groups.values_mut().for_each(|group| group.values = Vec::new());
        }
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (values, groups) = (columns[0].as_primitive::<Float64Type>(), columns[1].as_string_view());
        for (value, group) in values.iter().zip(groups) {
            let (Some(value), Some(group)) = (value.filter(|x| !x.is_nan()), group) else { continue };
            let keeps = self.n < ROWS_MAX;
            let group = self.group(group)?;
            group.moments.add(value);
            if keeps {
                group.values.push(value);
            }
            self.count(1);
        }
        Ok(())
    }

    fn merge_batch(&mut self, parts: &[ArrayRef]) -> Result<()> {
        for row in 0..parts[0].len() {
            let (names, moments, kept) = (text_items(&parts[0], row), read(&parts[1], row), items::<UInt64Type>(&parts[2], row));
            let values = items::<Float64Type>(&parts[3], row);
            let mut rest: &[f64] = values.values();
            for (at, moments) in moments.iter().enumerate() {
                let (here, others) = rest.split_at(usize::try_from(kept.value(at)).unwrap_or(0).min(rest.len()));
                rest = others;
                let keeps = self.n <= ROWS_MAX;
                let group = self.group(names.value(at))?;
                group.moments.merge(moments);
                if keeps {
                    group.values.extend_from_slice(here);
                }
                self.count(usize::try_from(moments.n).unwrap_or(usize::MAX));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            texts(self.groups.keys().map(AsRef::as_ref)),
            write(self.groups.values().map(|group| &group.moments)),
            integers(self.groups.values().map(|group| group.values.len() as u64).collect()),
            numbers(self.groups.values().flat_map(|group| group.values.iter().copied()).collect()),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (names, groups): (Vec<&str>, Vec<Group>) = self.groups.iter().map(|(name, group)| (&**name, group.clone())).unzip();
        let cells = |found: measure::fairness::Disparity| {
            let numbers = [found.gap, found.gap_adjusted, found.p_value].map(Cell::Number);
            let named = [found.highest, found.lowest].map(|group| Cell::Text(Some(names[group].to_owned())));
            let n = groups.iter().map(|group| group.moments.n).sum();
            let rest = [Cell::Count(n), Cell::Count(names.len() as u64), Cell::Flag(found.exact)];
            Cell::Record(numbers.into_iter().chain(named).chain(rest).collect())
        };
        scalar(disparity(&groups).map(cells), &self.returns)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.iter().map(|(name, group)| name.len() + 128 + group.values.capacity() * 8).sum::<usize>()
    }
}
