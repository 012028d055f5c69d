//! A function of the engine whose calls go through other hands first.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

/// What is done about a call.
pub(super) trait Hands: Debug + Send + Sync + 'static {
    /// Calls the function, or refuses to.
    fn call(&self, function: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue>;
}

/// Puts hands around a function, which for planning stays what it is. What the engine would rewrite it to is not asked for: that would be without them.
pub(super) fn wrapped(function: Arc<ScalarUDF>, hands: impl Hands) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Wrapped { function, hands }))
}

#[derive(Debug)]
struct Wrapped<H> {
    function: Arc<ScalarUDF>,
    hands: H,
}

/// A function is wrapped in one way only.
impl<H> PartialEq for Wrapped<H> {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl<H> Eq for Wrapped<H> {}

impl<H> Hash for Wrapped<H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.function.hash(state);
    }
}

impl<H: Hands> ScalarUDFImpl for Wrapped<H> {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.function.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.hands.call(&self.function, args)
    }
}
