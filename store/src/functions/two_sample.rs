//! The shape that all two-sample aggregates share: `f(value, is_current)`.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::sample::{Sample, VALUES_MAX};

/// Distinct categories that are counted at most.
const CATEGORIES_MAX: usize = 100_000;

/// Compares two samples of numbers; NaN stands for null.
pub(crate) type OfNumbers = fn(&[f64], &[f64]) -> Result<f64, measure::Error>;
/// Compares how often each category is on either side, `None` standing for null.
pub(crate) type OfCategories = fn(&Categories) -> Result<f64, measure::Error>;

/// An aggregate that compares the rows where `is_current` is true with the rows where it is false.
#[derive(Debug)]
pub(crate) struct TwoSample {
    name: &'static str,
    of_numbers: OfNumbers,
    /// Set where the measure has a meaning for text.
    of_categories: Option<OfCategories>,
    signature: Signature,
}

impl TwoSample {
    /// Makes the aggregate `name` of a measure of numbers, and of one of categories where there is one.
    pub(crate) fn new(name: &'static str, of_numbers: OfNumbers, of_categories: Option<OfCategories>) -> Self {
        Self { name, of_numbers, of_categories, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for TwoSample {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TwoSample {}

impl Hash for TwoSample {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for TwoSample {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let [value, side] = types else { return plan_err!("{name} takes two arguments: {name}(value, is_current)") };
        if !matches!(side, DataType::Boolean | DataType::Null) {
            return plan_err!("the second argument of {name} says which rows are current, so it must be true or false, not {side}");
        }
        let value = match value {
            number if number.is_numeric() || number.is_null() => DataType::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean if self.of_categories.is_some() => DataType::Utf8View,
            DataType::Boolean => DataType::Float64,
            other => return plan_err!("{name} cannot compare values of type {other}"),
        };
        Ok(vec![value, DataType::Boolean])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let is_text = args.input_fields.first().is_some_and(|field| *field.data_type() == DataType::Utf8View);
        let parts = if is_text { CATEGORY_STATE } else { NUMBER_STATE };
        let list = |item: &DataType| DataType::List(Arc::new(Field::new_list_field(item.clone(), true)));
        Ok(parts.iter().map(|(part, item)| Arc::new(Field::new(format_state_name(args.name, part), list(item), true))).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{} counts how often values occur, so distinct makes no sense", self.name);
        }
        let text = args.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Utf8View);
        match self.of_categories {
            Some(measure) if text => Ok(Box::new(CategoryAccumulator { measure, categories: Categories::default() })),
            _ => Ok(Box::new(NumberAccumulator { measure: self.of_numbers, sides: [Sample::new(VALUES_MAX), Sample::new(VALUES_MAX)] })),
        }
    }
}

/// Turns a measure's result into a cell; a side without values has no measure, which is null.
fn cell(result: Result<f64, measure::Error>) -> Result<ScalarValue> {
    match result {
        Ok(value) => Ok(ScalarValue::Float64(Some(value))),
        Err(measure::Error::TooFew { .. }) => Ok(ScalarValue::Float64(None)),
        Err(error) => Err(DataFusionError::Execution(error.to_string())),
    }
}

/// The state of numbers: what was seen on both sides, then keys and values of either side's sample.
const NUMBER_STATE: &[(&str, DataType)] = &[
    ("seen", DataType::UInt64),
    ("reference_keys", DataType::UInt64),
    ("reference", DataType::Float64),
    ("current_keys", DataType::UInt64),
    ("current", DataType::Float64),
];

#[derive(Debug)]
struct NumberAccumulator {
    measure: OfNumbers,
    /// The reference, and the current side.
    sides: [Sample; 2],
}

impl Accumulator for NumberAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (numbers, current) = (values[0].as_primitive::<Float64Type>(), values[1].as_boolean());
        for (number, current) in numbers.iter().zip(current) {
            if let Some(current) = current {
                self.sides[usize::from(current)].add(number.unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            let list = |state: usize| states[state].as_list::<i32>().value(row);
            let seen = list(0);
            for (side, sample) in self.sides.iter_mut().enumerate() {
                let (keys, values) = (list(1 + 2 * side), list(2 + 2 * side));
                let pairs =
                    keys.as_primitive::<UInt64Type>().values().iter().copied().zip(values.as_primitive::<Float64Type>().values().iter().copied());
                sample.merge(seen.as_primitive::<UInt64Type>().value(side), pairs);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let [reference, current] = &mut self.sides;
        let mut state = vec![integers([reference.seen(), current.seen()])];
        for sample in [reference, current] {
            state.push(integers(sample.kept().iter().map(|(key, _)| *key)));
            state.push(ScalarValue::List(ScalarValue::new_list_from_iter(
                sample.kept().iter().map(|(_, value)| ScalarValue::Float64(Some(*value))),
                &DataType::Float64,
                true,
            )));
        }
        Ok(state)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let [reference, current] = &mut self.sides;
        cell((self.measure)(&reference.values(), &current.values()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sides.iter().map(Sample::bytes).sum::<usize>()
    }
}

/// How often each category is on the reference's side, and on the current one.
#[derive(Debug, Default)]
pub(crate) struct Categories {
    counts: HashMap<Box<str>, [u64; 2]>,
    nulls: [u64; 2],
    bytes: usize,
}

impl Categories {
    /// Lists the values of a side (0 is the reference), each as often as it occurs; a category is a number that both sides share.
    pub(crate) fn side(&self, side: usize) -> impl Iterator<Item = Option<usize>> {
        let of = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let values = self.counts.values().enumerate().flat_map(move |(category, counts)| std::iter::repeat_n(Some(category), of(counts[side])));
        values.chain(std::iter::repeat_n(None, of(self.nulls[side])))
    }

    fn add(&mut self, value: Option<&str>, counts: [u64; 2]) -> Result<()> {
        let both = match value {
            None => &mut self.nulls,
            Some(value) if self.counts.contains_key(value) => self.counts.entry(value.into()).or_default(),
            Some(_) if self.counts.len() >= CATEGORIES_MAX => {
                return exec_err!("more than {CATEGORIES_MAX} distinct values; compare something with fewer, such as a prefix or a length");
            }
            Some(value) => {
                self.bytes += value.len() + size_of::<(Box<str>, [u64; 2])>();
                self.counts.entry(value.into()).or_default()
            }
        };
        both[0] += counts[0];
        both[1] += counts[1];
        Ok(())
    }
}

/// The state of categories: the nulls of both sides, then the categories and how often each is on either side.
const CATEGORY_STATE: &[(&str, DataType)] =
    &[("nulls", DataType::UInt64), ("categories", DataType::Utf8View), ("reference", DataType::UInt64), ("current", DataType::UInt64)];

#[derive(Debug)]
struct CategoryAccumulator {
    measure: OfCategories,
    categories: Categories,
}

impl Accumulator for CategoryAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (texts, current) = (values[0].as_string_view(), values[1].as_boolean());
        for (text, current) in texts.iter().zip(current) {
            if let Some(current) = current {
                self.categories.add(text, [u64::from(!current), u64::from(current)])?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            let list = |state: usize| states[state].as_list::<i32>().value(row);
            let (nulls, texts, reference, current) = (list(0), list(1), list(2), list(3));
            let nulls = nulls.as_primitive::<UInt64Type>();
            self.categories.add(None, [nulls.value(0), nulls.value(1)])?;
            let (reference, current) = (reference.as_primitive::<UInt64Type>(), current.as_primitive::<UInt64Type>());
            for (index, text) in texts.as_string_view().iter().enumerate() {
                self.categories.add(text, [reference.value(index), current.value(index)])?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let counts = &self.categories.counts;
        let texts = counts.keys().map(|text| ScalarValue::Utf8View(Some(text.to_string())));
        let side = |side: usize| integers(counts.values().map(move |both| both[side]));
        let texts = ScalarValue::List(ScalarValue::new_list_from_iter(texts, &DataType::Utf8View, true));
        Ok(vec![integers(self.categories.nulls), texts, side(0), side(1)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        cell((self.measure)(&self.categories))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.categories.bytes
    }
}

fn integers(numbers: impl IntoIterator<Item = u64>) -> ScalarValue {
    let numbers = numbers.into_iter().map(|number| ScalarValue::UInt64(Some(number))).collect::<Vec<_>>();
    ScalarValue::List(ScalarValue::new_list(&numbers, &DataType::UInt64, true))
}
