//! What the functions that make a text of a text have in common.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// Makes the SQL function `name(text) -> text`, null where `compute` finds nothing and for a null.
pub(super) fn text_of_text(name: &'static str, compute: fn(&str) -> Option<String>) -> ScalarUDF {
    let signature = Signature::uniform(1, vec![DataType::Utf8View], Volatility::Immutable);
    ScalarUDF::from(TextOfText { name, compute, signature })
}

#[derive(Debug)]
struct TextOfText {
    name: &'static str,
    compute: fn(&str) -> Option<String>,
    signature: Signature,
}

/// A function is named once, so the name tells two apart.
impl PartialEq for TextOfText {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TextOfText {}

impl Hash for TextOfText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TextOfText {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = columns[0].as_string_view();
        let mut found = StringViewBuilder::with_capacity(texts.len());
        for text in texts {
            found.append_option(text.and_then(self.compute));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish())))
    }
}
