//! The column `value`: rows that only count, numbers, text, or lists of numbers, each kept as its detector needs it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use measure::shift::RandomFeatures;
use measure::shift::mmd::N_FEATURES;

use super::columns::{Texts, column};
use super::reader::Names;
use super::{Codes, SeriesError, Values, permuted};
use crate::detectors::Detector;
use crate::rule::{Rule, Scale};

/// The values of one batch.
pub(super) enum Incoming {
    Rows,
    Numbers(Vec<Option<f64>>),
    Text(Texts),
    Vectors(ListArray),
}

impl Incoming {
    /// Reads the column as the rule watches it.
    pub fn of(rule: &Rule, batch: &RecordBatch) -> Result<Self, SeriesError> {
        if rule.watch == Detector::Silence {
            return Ok(Self::Rows);
        }
        let array = column(batch, "value")?;
        let drifts = rule.watch == Detector::Drift;
        let wanted = if drifts { "a number, a boolean, text or a list of numbers" } else { "a number or a boolean" };
        let wrong = || SeriesError::WrongType { column: "value", found: array.data_type().to_string(), wanted };
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) if drifts => Ok(Self::Text(Texts::of(array)?)),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) if drifts => lists(array).map(Self::Vectors).ok_or_else(wrong),
            kind if kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null) => {
                let numbers = arrow::compute::cast(array, &DataType::Float64).map_err(|_| wrong())?;
                Ok(Self::Numbers(numbers.as_primitive::<Float64Type>().iter().collect()))
            }
            _ => Err(wrong()),
        }
    }
}

fn lists(array: &ArrayRef) -> Option<ListArray> {
    let single = Field::new_list_field(DataType::Float32, true);
    arrow::compute::cast(array, &DataType::List(Arc::new(single))).ok().map(|lists| lists.as_list::<i32>().clone())
}

/// The values of all batches so far.
pub(super) enum Taken {
    Numbers(Vec<f64>),
    Categories(Names, Vec<u32>),
    Vectors(Option<RandomFeatures>, Vec<f32>),
}

impl Taken {
    /// Makes room for what a batch brings, if it is the first.
    pub fn suit(&mut self, incoming: &Incoming) {
        match (&*self, incoming) {
            (Self::Numbers(numbers), Incoming::Text(_)) if numbers.is_empty() => *self = Self::Categories(Names::default(), Vec::new()),
            (Self::Numbers(numbers), Incoming::Vectors(_)) if numbers.is_empty() => *self = Self::Vectors(None, Vec::new()),
            _ => {}
        }
    }

    /// Takes the value of a row; false where it has none that can be compared.
    pub fn take(&mut self, rule: &Rule, incoming: &Incoming, row: usize) -> Result<bool, SeriesError> {
        match (self, incoming) {
            (Self::Numbers(numbers), Incoming::Rows) => numbers.push(1.0),
            (Self::Numbers(numbers), Incoming::Numbers(found)) => match found[row].map(|number| in_scale(rule, number)) {
                Some(number) if number.is_finite() => numbers.push(number),
                _ => return Ok(false),
            },
            (Self::Categories(names, codes), Incoming::Text(texts)) => match texts.get(row) {
                Some(text) => codes.push(names.code(&text)),
                None => return Ok(false),
            },
            (Self::Vectors(features, sums), Incoming::Vectors(lists)) => return take_vector(features, sums, lists, row),
            // A column does not change its type between batches.
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The number by which rows of the same time are told apart; 0 where there is none.
    pub fn number(&self, row: usize) -> f64 {
        match self {
            Self::Numbers(numbers) => numbers[row],
            Self::Categories(..) | Self::Vectors(..) => 0.0,
        }
    }

    /// The values in another order.
    pub fn in_order(self, order: &[usize]) -> Values {
        match self {
            Self::Numbers(numbers) => Values::Numbers(permuted(&numbers, order)),
            Self::Categories(names, codes) => Values::Categories(by_name(names, &permuted(&codes, order))),
            Self::Vectors(_, sums) => {
                Values::Vectors(order.iter().flat_map(|row| sums[row * N_FEATURES..(row + 1) * N_FEATURES].iter().copied()).collect())
            }
        }
    }
}

/// Numbers the categories in the order of their names, which is the same in every reading.
fn by_name(names: Names, codes: &[u32]) -> Codes {
    let mut sorted: Vec<(String, u32)> = names.names.into_iter().zip(0..).collect();
    sorted.sort_unstable();
    let mut places = vec![0; sorted.len()];
    sorted.iter().zip(0..).for_each(|((_, old), new)| places[*old as usize] = new);
    Codes { codes: codes.iter().map(|code| places[*code as usize]).collect(), names: sorted.into_iter().map(|(name, _)| name).collect() }
}

/// The number as it is compared; on the scale of ratios, what is not above zero has no place.
fn in_scale(rule: &Rule, number: f64) -> f64 {
    match rule.scale {
        Scale::Linear => number,
        Scale::Log if number > 0.0 => number.ln(),
        Scale::Log => f64::NAN,
    }
}

fn take_vector(features: &mut Option<RandomFeatures>, sums: &mut Vec<f32>, lists: &ListArray, row: usize) -> Result<bool, SeriesError> {
    if lists.is_null(row) || lists.value_length(row) == 0 {
        return Ok(false);
    }
    let list = lists.value(row);
    let vector: &Float32Array = list.as_primitive::<Float32Type>();
    let features = features.get_or_insert_with(|| RandomFeatures::new(vector.len()));
    if features.dimensions() != vector.len() {
        return Err(SeriesError::Lengths { first: features.dimensions(), second: vector.len() });
    }
    let mut own = vec![0.0; N_FEATURES];
    if vector.null_count() > 0 || !features.add(vector.values(), &mut own) {
        return Ok(false);
    }
    sums.extend(own);
    Ok(true)
}
