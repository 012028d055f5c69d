//! The condition that no later row of the same span replaces a row.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Field, SchemaRef, TimestampMicrosecondType};
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use parking_lot::Mutex;

use crate::repeats::{KEY, Repeated};

/// The condition that no later row replaces a row; it sees every row once.
#[derive(Debug)]
pub(crate) struct IsLatest {
    repeated: Arc<Repeated>,
    /// Spans whose last rows were sent at the same moment, and of which one was read.
    read: Mutex<HashSet<(Box<str>, Box<str>)>>,
    signature: Signature,
}

impl IsLatest {
    /// Makes the condition for one scan.
    pub(crate) fn new(repeated: Arc<Repeated>) -> Self {
        Self { repeated, read: Mutex::default(), signature: Signature::any(KEY.len(), Volatility::Volatile) }
    }

    /// Makes it an expression over rows that have the key columns.
    pub(crate) fn over(self, schema: &SchemaRef, state: &dyn Session) -> Result<Arc<dyn PhysicalExpr>> {
        let columns = KEY.map(|column| Ok(Arc::new(PhysicalColumn::new_with_schema(column, schema)?) as Arc<dyn PhysicalExpr>));
        let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
        let field = Arc::new(Field::new("is_latest", DataType::Boolean, false));
        let options = Arc::new(state.config_options().clone());
        Ok(Arc::new(ScalarFunctionExpr::new("is_latest", Arc::new(ScalarUDF::from(self)), columns, field, options)))
    }

    fn holds(&self, trace_id: &str, span_id: &str, ingested_at: i64) -> bool {
        match self.repeated.get(trace_id, span_id) {
            None => true,
            Some(sent) if sent.ingested_at != ingested_at => false,
            Some(sent) => sent.ties == 1 || self.read.lock().insert((trace_id.into(), span_id.into())),
        }
    }
}

impl PartialEq for IsLatest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.repeated, &other.repeated)
    }
}

impl Eq for IsLatest {}

impl Hash for IsLatest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.repeated).hash(state);
    }
}

impl ScalarUDFImpl for IsLatest {
    fn name(&self) -> &str {
        "is_latest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let (trace_ids, span_ids) = (columns[0].as_string_view(), columns[1].as_string_view());
        let times = columns[2].as_primitive::<TimestampMicrosecondType>();
        let holds = (0..trace_ids.len()).map(|row| Some(self.holds(trace_ids.value(row), span_ids.value(row), times.value(row))));
        Ok(ColumnarValue::Array(Arc::new(holds.collect::<BooleanArray>())))
    }
}
