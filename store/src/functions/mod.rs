//! karat's own SQL functions: one file each, and one line here.
//!
//! A function of numbers wraps one line of `measure`, so that a dashboard, a gate and an alert compute the same number. What several
//! share: `aggregate` (types in, a state that merges, a cell out), `two_sample` (both sides of a comparison), `series` (a window over rows in
//! order).

mod adjusted;
mod adwin;
mod aggregate;
mod anderson_darling_p_value;
pub(crate) mod bounded;
mod bounded_mean_cs;
mod cell;
mod change_points;
mod chi2_p_value;
mod cohen_kappa;
pub(crate) mod concat;
mod cramer_von_mises_p_value;
mod cusum;
pub(crate) mod date_trunc;
mod ddsketch_quantile;
mod disparity;
mod drift;
mod e_detector;
mod energy_distance;
mod epps_singleton_p_value;
mod evidently;
mod ewma;
mod exactness;
mod fisher_p_value;
mod function;
mod g_test_p_value;
mod hellinger;
mod js_distance;
mod kl;
mod krippendorff_alpha;
mod ks_p_value;
mod ks_statistic;
mod mann_whitney_p_value;
mod mean_ci;
mod mean_cs;
mod mean_shift_ci;
mod message_text;
mod moments;
mod page_hinkley;
mod parameters;
mod psi;
mod reference;
mod relative_entropy;
mod robust_z;
mod seasonal_z;
mod series;
mod sliding;
mod tally;
mod text_of_text;
mod tool_calls;
mod total_variation;
mod two_sample;
mod wasserstein;
mod welch_p_value;
mod wilson_ci;
mod words;
mod wrapped;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;

use function::Make;
pub use function::{Function, Section};
pub use reference::reference;
use two_sample::two_sample;

/// Every SQL function of karat's own, in the order of `docs/sql.md`.
static ALL: [Function; 52] = [
    drift::FUNCTION,
    exactness::FUNCTION,
    psi::FUNCTION,
    kl::FUNCTION,
    js_distance::FUNCTION,
    hellinger::FUNCTION,
    total_variation::FUNCTION,
    ks_statistic::FUNCTION,
    wasserstein::FUNCTION,
    energy_distance::FUNCTION,
    ks_p_value::FUNCTION,
    cramer_von_mises_p_value::FUNCTION,
    anderson_darling_p_value::FUNCTION,
    epps_singleton_p_value::FUNCTION,
    mann_whitney_p_value::FUNCTION,
    welch_p_value::FUNCTION,
    chi2_p_value::FUNCTION,
    g_test_p_value::FUNCTION,
    fisher_p_value::FUNCTION,
    mean_shift_ci::FUNCTION,
    wilson_ci::FUNCTION,
    mean_ci::FUNCTION,
    mean_cs::FUNCTION,
    ddsketch_quantile::FUNCTION,
    cohen_kappa::FUNCTION,
    krippendorff_alpha::FUNCTION,
    disparity::FUNCTION,
    robust_z::FUNCTION,
    seasonal_z::FUNCTION,
    ewma::FUNCTION,
    cusum::FUNCTION,
    page_hinkley::FUNCTION,
    adwin::FUNCTION,
    change_points::FUNCTION,
    e_detector::FUNCTION,
    relative_entropy::FUNCTION,
    bounded_mean_cs::FUNCTION,
    adjusted::BH,
    adjusted::BENJAMINI_YEKUTIELI,
    adjusted::HOLM,
    evidently::PSI,
    evidently::KL,
    evidently::JENSENSHANNON,
    evidently::HELLINGER,
    evidently::WASSERSTEIN,
    evidently::CHISQUARE,
    evidently::G_TEST,
    evidently::Z_TEST,
    evidently::MANN_WHITNEY,
    tool_calls::FUNCTION,
    message_text::INPUT,
    message_text::OUTPUT,
];

/// Lists karat's own SQL functions, beside those of the engine and of `datafusion-functions-json`.
pub fn functions() -> &'static [Function] {
    &ALL
}

/// How a function of karat's own is called; empty where there is none of the name.
fn syntax_of(name: &str) -> &'static str {
    ALL.iter().find(|function| function.name == name).map_or("", |function| function.syntax)
}

/// Makes the functions known to a session.
pub(crate) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in &ALL {
        match function.make {
            Make::Scalar(make) => drop(registry.register_udf(Arc::new(make()))?),
            Make::Aggregate(make) => drop(registry.register_udaf(Arc::new(make()))?),
            Make::TwoSample(accepts, compute) => {
                drop(registry.register_udaf(Arc::new(two_sample(function.name, accepts, DataType::Float64, compute)))?);
            }
            Make::Window(make) => drop(registry.register_udwf(Arc::new(make()))?),
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
            assert!(function.nulls.len() > 10, "{} does not say what nulls do", function.name);
            assert_eq!(function.syntax.contains('['), !function.defaults.is_empty(), "{}: optional arguments have defaults", function.name);
            assert!(function.syntax.starts_with(&format!("{}(", function.name)) && function.syntax.contains(" -> "), "{}", function.syntax);
            let made = match function.make {
                Make::Scalar(make) => make().name().to_owned(),
                Make::Aggregate(make) => make().name().to_owned(),
                Make::TwoSample(accepts, compute) => two_sample(function.name, accepts, DataType::Float64, compute).name().to_owned(),
                Make::Window(make) => make().name().to_owned(),
            };
            assert_eq!(made, function.name);
        }
    }

    /// An engine's function of the same name would be replaced without a word.
    #[test]
    fn no_function_hides_one_of_the_engine() {
        let state = base_state();
        let known = state.scalar_functions().len() + state.aggregate_functions().len() + state.window_functions().len();
        let mut again = base_state();
        register(&mut again).unwrap();
        assert_eq!(known, again.scalar_functions().len() + again.aggregate_functions().len() + again.window_functions().len());
        for function in functions() {
            let engine = datafusion::execution::SessionStateDefaults::default_aggregate_functions();
            assert!(engine.iter().all(|other| other.name() != function.name), "{}", function.name);
        }
    }
}
