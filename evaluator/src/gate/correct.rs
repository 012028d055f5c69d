//! One correction over every test that gates.

use measure::test::bh;

use crate::error::Error;
use crate::gate::decide::Look;
use crate::gate::slices::Slice;

/// P-values before and after the correction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tested {
    pub p: f64,
    pub adjusted: f64,
}

/// What the correction gives: one entry a metric and a slice, in their order.
pub(crate) struct Corrected {
    pub metrics: Vec<Option<Tested>>,
    pub slices: Vec<Option<Tested>>,
    /// Tests that were corrected together.
    pub n_tests: usize,
    /// Whether a metric would count as fallen if its newly missing cases were at their worst.
    pub hidden_fall: Vec<bool>,
}

/// Corrects the gated metrics and the gating slices together, and the explored slices among themselves.
pub(crate) fn correct(looks: &[Look<'_>], slices: &[Slice<'_>], q: f64) -> Result<Corrected, Error> {
    let p_of_metric = |look: &Look<'_>| match (&look.comparison, look.metric.spec.critical) {
        (Some(comparison), false) => Ok(comparison.p()?.unwrap_or(f64::NAN)),
        _ => Ok::<f64, Error>(f64::NAN),
    };
    let metrics: Vec<f64> = looks.iter().map(p_of_metric).collect::<Result<_, _>>()?;
    let slice_ps: Vec<f64> = slices.iter().map(|slice| Ok(slice.comparison.p()?.unwrap_or(f64::NAN))).collect::<Result<_, Error>>()?;
    let only = |gating: bool| slice_ps.iter().zip(slices).map(move |(p, slice)| if slice.gating == gating { *p } else { f64::NAN });
    // NaN marks what is not tested; it takes no part in the correction.
    let gated: Vec<f64> = metrics.iter().copied().chain(only(true)).collect();
    let explored: Vec<f64> = only(false).collect();
    let (adjusted, adjusted_explored) = (bh(&gated), bh(&explored));
    let tested = |p: f64, adjusted: f64| (!p.is_nan()).then_some(Tested { p, adjusted });
    let slice = |index: usize| {
        let gating = tested(gated[metrics.len() + index], adjusted[metrics.len() + index]);
        gating.or(tested(explored[index], adjusted_explored[index]))
    };
    let hidden = |(index, look): (usize, &Look<'_>)| {
        let Some(imputed) = &look.imputed else { return Ok(false) };
        let mut gated = gated.clone();
        gated[index] = imputed.p()?.unwrap_or(f64::NAN);
        Ok(bh(&gated)[index] <= q)
    };
    Ok(Corrected {
        metrics: metrics.iter().zip(&adjusted).map(|(p, adjusted)| tested(*p, *adjusted)).collect(),
        slices: (0..slices.len()).map(slice).collect(),
        n_tests: gated.iter().filter(|p| !p.is_nan()).count().max(1),
        hidden_fall: looks.iter().enumerate().map(hidden).collect::<Result<_, Error>>()?,
    })
}
