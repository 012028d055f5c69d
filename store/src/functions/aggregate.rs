//! The shape that karat's own aggregates share: types in, a state that merges, a cell out.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, StringViewArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::sliding::Sliding;

/// What one aggregate does; [`aggregate`] makes a SQL function of it.
pub(super) trait Kind: Debug + Send + Sync + 'static {
    /// Returns the types to which the arguments of a call are cast, or says what is wrong with them.
    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>>;
    /// Returns the type of the result.
    fn returns(&self) -> DataType;
    /// Returns the parts of the state, each a list of so many items of a type.
    fn state(&self, types: &[DataType]) -> Vec<(&'static str, DataType)>;
    /// Begins a state for arguments of these types.
    fn accumulator(&self, types: &[DataType]) -> Box<dyn Accumulator>;
}

/// Makes the SQL function `name` of what it does.
pub(super) fn aggregate<K: Kind>(name: &'static str, kind: K) -> AggregateUDF {
    AggregateUDF::from(Aggregate { name, kind: Arc::new(kind), signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug)]
struct Aggregate<K> {
    name: &'static str,
    kind: Arc<K>,
    signature: Signature,
}

/// A function is named once, so the name tells two apart.
impl<K> PartialEq for Aggregate<K> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<K> Eq for Aggregate<K> {}

impl<K> Hash for Aggregate<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<K: Kind> AggregateUDFImpl for Aggregate<K> {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.kind.coerce(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.kind.returns())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let parts = self.kind.state(&types(args.input_fields)).into_iter();
        Ok(parts.map(|(part, item)| Arc::new(Field::new(format_state_name(args.name, part), list(item), true))).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(&args)?;
        Ok(self.kind.accumulator(&types(args.expr_fields)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.refuse_distinct(&args)?;
        Ok(Box::new(Sliding::new(Arc::clone(&self.kind), types(args.expr_fields))))
    }
}

impl<K> Aggregate<K> {
    fn refuse_distinct(&self, args: &AccumulatorArgs) -> Result<()> {
        if args.is_distinct {
            return exec_err!("{} counts how often values occur, so distinct makes no sense", self.name);
        }
        Ok(())
    }
}

fn types(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type().clone()).collect()
}

/// A part of a state: one cell that holds the whole list, without a detour by single values.
pub(super) fn list(items: ArrayRef) -> ScalarValue {
    SingleRowListArrayBuilder::new(items).build_list_scalar()
}

/// A part of a state that holds numbers.
pub(super) fn numbers(items: Vec<f64>) -> ScalarValue {
    list(Arc::new(PrimitiveArray::<Float64Type>::from(items)))
}

/// A part of a state that holds whole numbers.
pub(super) fn integers(items: Vec<u64>) -> ScalarValue {
    list(Arc::new(PrimitiveArray::<UInt64Type>::from(items)))
}

/// A part of a state that holds texts.
pub(super) fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> ScalarValue {
    list(Arc::new(StringViewArray::from_iter_values(items)))
}

/// Reads a part of a state back, of primitive items.
pub(super) fn items<T: ArrowPrimitiveType>(part: &ArrayRef, row: usize) -> PrimitiveArray<T> {
    part.as_list::<i32>().value(row).as_primitive::<T>().clone()
}

/// Reads a part of a state back, of texts.
pub(super) fn text_items(part: &ArrayRef, row: usize) -> StringViewArray {
    part.as_list::<i32>().value(row).as_string_view().clone()
}
