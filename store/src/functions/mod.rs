//! karat's own SQL functions: one file each, and one line here.
//!
//! A function of numbers wraps one line of `measure`, so that a dashboard, a gate and an alert compute the same number.

pub(crate) mod bounded;
pub(crate) mod concat;
mod ks_p_value;
mod ks_statistic;
mod message_text;
mod psi;
mod sample;
mod text_of_text;
mod tool_calls;
mod two_sample;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

/// A SQL function of karat's own, as `karat schema` prints it.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called, and what it returns: `psi(value, is_current) -> double`.
    pub syntax: &'static str,
    /// What it computes.
    pub doc: &'static str,
    make: Make,
}

#[derive(Debug, Clone, Copy)]
enum Make {
    Scalar(fn() -> ScalarUDF),
    Aggregate(fn() -> AggregateUDF),
}

/// Every SQL function of karat's own.
static ALL: [Function; 6] =
    [psi::FUNCTION, ks_statistic::FUNCTION, ks_p_value::FUNCTION, tool_calls::FUNCTION, message_text::INPUT, message_text::OUTPUT];

/// Lists karat's own SQL functions, beside those of the engine and of `datafusion-functions-json`.
pub fn functions() -> &'static [Function] {
    &ALL
}

/// Makes the functions known to a session.
pub(crate) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in &ALL {
        match function.make {
            Make::Scalar(make) => drop(registry.register_udf(Arc::new(make()))?),
            Make::Aggregate(make) => drop(registry.register_udaf(Arc::new(make()))?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::session::base_state;

    /// A function that nobody can find or read about is none; two of one name hide each other.
    #[test]
    fn every_function_is_documented_and_named_once() {
        let mut names = HashSet::new();
        for function in functions() {
            assert!(names.insert(function.name), "{} is there twice", function.name);
            assert!(function.doc.len() > 40, "{} has no doc", function.name);
            assert!(function.syntax.starts_with(&format!("{}(", function.name)) && function.syntax.contains(" -> "), "{}", function.syntax);
            let made = match function.make {
                Make::Scalar(make) => make().name().to_owned(),
                Make::Aggregate(make) => make().name().to_owned(),
            };
            assert_eq!(made, function.name);
        }
    }

    /// An engine's function of the same name would be replaced without a word.
    #[test]
    fn no_function_hides_one_of_the_engine() {
        let state = base_state();
        let known = state.scalar_functions().len() + state.aggregate_functions().len();
        let mut again = base_state();
        register(&mut again).unwrap();
        assert_eq!(known, again.scalar_functions().len() + again.aggregate_functions().len());
        for function in functions() {
            let engine = datafusion::execution::SessionStateDefaults::default_aggregate_functions();
            assert!(engine.iter().all(|other| other.name() != function.name), "{}", function.name);
        }
    }
}
