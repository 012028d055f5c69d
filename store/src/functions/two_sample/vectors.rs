//! Both sides as sums of random Fourier features: one a row or a cluster up to a bound, above it one a bucket of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float32Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use measure::shift::RandomFeatures;
use measure::shift::mmd::{N_FEATURES, Unit};

use super::clustered::hash;
use super::{Collect, Column, Sides, list_of};
use crate::functions::aggregate::{integers, items, list};
use crate::functions::tally::mix;

/// Units of a side that are kept apart.
const UNITS_MAX: usize = 1_024;
/// Buckets that units are put into beyond that, by their hash.
const BUCKETS: u64 = 512;
/// Lengths of vectors whose features are remembered.
const LENGTHS_MAX: usize = 8;

/// Length of a vector and whether units are in buckets, then keys, counts and sums of features of either side's units.
pub(super) const STATE: &[(&str, DataType)] = &[
    ("shape", DataType::UInt64),
    ("reference_units", DataType::UInt64),
    ("reference_counts", DataType::UInt64),
    ("reference_sums", DataType::Float32),
    ("current_units", DataType::UInt64),
    ("current_counts", DataType::UInt64),
    ("current_sums", DataType::Float32),
];

/// The type of a list of numbers.
pub(super) fn list_type() -> DataType {
    list_of(DataType::Float32)
}

/// The units of both sides. They merge by their keys, so a session whose rows lie in two files is one unit.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    features: Option<Arc<RandomFeatures>>,
    bucketed: bool,
    units: [BTreeMap<u64, Unit>; 2],
    seen: u64,
}

impl Vectors {
    fn features(&mut self, length: usize) -> Result<Arc<RandomFeatures>> {
        match &self.features {
            Some(features) if features.dimensions() == length => Ok(Arc::clone(features)),
            Some(features) => exec_err!("lists of {} and of {length} numbers cannot be compared", features.dimensions()),
            None => Ok(Arc::clone(self.features.insert(features_of(length)))),
        }
    }

    fn unit(&mut self, side: usize, key: u64) -> &mut Unit {
        if !self.bucketed && self.units[side].len() >= UNITS_MAX && !self.units[side].contains_key(&key) {
            self.put_into_buckets();
        }
        let key = if self.bucketed { key % BUCKETS } else { key };
        self.units[side].entry(key).or_default()
    }

    fn put_into_buckets(&mut self) {
        self.bucketed = true;
        for side in &mut self.units {
            let mut buckets: BTreeMap<u64, Unit> = BTreeMap::new();
            std::mem::take(side).into_iter().for_each(|(key, unit)| buckets.entry(key % BUCKETS).or_default().merge(&unit));
            *side = buckets;
        }
    }
}

/// Draws the frequencies for vectors of a length, or remembers them: each group of a query needs the same ones.
fn features_of(length: usize) -> Arc<RandomFeatures> {
    static KNOWN: Mutex<Vec<Arc<RandomFeatures>>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(features) = known.iter().find(|features| features.dimensions() == length) {
        return Arc::clone(features);
    }
    let features = Arc::new(RandomFeatures::new(length));
    if known.len() >= LENGTHS_MAX {
        known.remove(0);
    }
    known.push(Arc::clone(&features));
    features
}

impl Collect for Vectors {
    fn update(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let (vectors, current) = (columns[0].as_list::<i32>(), columns[1].as_boolean());
        let clusters = columns.get(2).map(|clusters| clusters.as_string_view());
        for row in (0..vectors.len()).filter(|row| vectors.is_valid(*row) && current.is_valid(*row)) {
            let vector = vectors.value(row);
            let vector = vector.as_primitive::<Float32Type>();
            if vector.null_count() > 0 || vector.is_empty() {
                continue;
            }
            let features = self.features(vector.len())?;
            let mut one = Unit { n: 1, ..Unit::default() };
            if !features.add(vector.values(), &mut one.sums) {
                continue;
            }
            self.seen += 1;
            // Without a cluster each row is a unit; its place tells equal vectors apart.
            let own = || vector.values().iter().fold(mix(self.seen), |key, x| mix(key ^ u64::from(x.to_bits())));
            let key = clusters.filter(|clusters| clusters.is_valid(row)).map_or_else(own, |clusters| hash(clusters.value(row)));
            self.unit(usize::from(current.value(row)), key).merge(&one);
        }
        Ok(())
    }

    fn merge(&mut self, parts: &[ArrayRef], row: usize) -> Result<()> {
        let shape = items::<UInt64Type>(&parts[0], row);
        let length = usize::try_from(shape.value(0)).unwrap_or(0);
        if length == 0 {
            return Ok(());
        }
        self.features(length)?;
        if shape.value(1) == 1 && !self.bucketed {
            self.put_into_buckets();
        }
        for side in 0..2 {
            let part = |part: usize| &parts[1 + 3 * side + part];
            let (keys, counts, sums) = (items::<UInt64Type>(part(0), row), items::<UInt64Type>(part(1), row), items::<Float32Type>(part(2), row));
            for ((key, n), sums) in keys.values().iter().zip(counts.values()).zip(sums.values().chunks_exact(N_FEATURES)) {
                self.unit(side, *key).merge(&Unit { n: *n, sums: sums.to_vec() });
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Vec<ScalarValue> {
        let length = self.features.as_ref().map_or(0, |features| features.dimensions() as u64);
        let shape = integers(vec![length, u64::from(self.bucketed)]);
        let sides = self.units.iter().flat_map(|units| {
            let sums: Vec<f32> = units.values().flat_map(|unit| unit.sums.iter().copied()).collect();
            let counts = integers(units.values().map(|unit| unit.n).collect());
            [integers(units.keys().copied().collect()), counts, list(Arc::new(PrimitiveArray::<Float32Type>::from(sums)))]
        });
        std::iter::once(shape).chain(sides).collect()
    }

    fn sides(&mut self) -> Sides {
        let units = self.units.each_ref().map(|units| units.values().cloned().collect::<Vec<Unit>>());
        let n = units.iter().flatten().map(|unit| unit.n).sum();
        Sides { column: Column::Vectors(units), rows: None, exact: !self.bucketed, n }
    }

    fn bytes(&self) -> usize {
        self.units.iter().map(BTreeMap::len).sum::<usize>() * (N_FEATURES * size_of::<f32>() + 64)
    }
}
