//! One correction over every test that gates.

use measure::test::bh;

use crate::error::Error;
use crate::gate::decide::Look;
use crate::gate::extend::Looks;
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
    /// The level of the correction's first step, which one fallen metric among all has to reach at this look.
    pub level: f64,
    /// Whether a metric would count as fallen if its newly missing cases were at their worst.
    pub hidden_fall: Vec<bool>,
}

/// Corrects the gated metrics and the gating slices together, and the explored slices among themselves; the p-values are those that hold however
/// often the run is looked at.
pub(crate) fn correct(looks: &[Look<'_>], slices: &[Slice<'_>], q: f64, looked: Looks) -> Result<Corrected, Error> {
    let p_of_metric = |look: &Look<'_>| match (&look.comparison, look.metric.spec.critical) {
        (Some(comparison), false) => Ok(comparison.p()?.unwrap_or(f64::NAN)),
        _ => Ok::<f64, Error>(f64::NAN),
    };
    let metrics: Vec<f64> = looks.iter().map(p_of_metric).collect::<Result<_, _>>()?;
    let slice_ps: Vec<f64> = slices.iter().map(|slice| Ok(slice.comparison.p()?.unwrap_or(f64::NAN))).collect::<Result<_, Error>>()?;
    let only = |gating: bool| slice_ps.iter().zip(slices).map(move |(p, slice)| if slice.gating == gating { *p } else { f64::NAN });
    // NaN marks what is not tested; it takes no part in the correction.
    let gated: Vec<f64> = metrics.iter().copied().chain(only(true)).collect();
    let first_step = q / gated.iter().filter(|p| !p.is_nan()).count().max(1) as f64;
    let anytime = |ps: Vec<f64>| ps.into_iter().map(|p| looked.p(p, first_step)).collect::<Result<Vec<f64>, Error>>();
    let (gated, explored) = (anytime(gated)?, anytime(only(false).collect())?);
    let (adjusted, adjusted_explored) = (bh(&gated), bh(&explored));
    let tested = |p: f64, adjusted: f64| (!p.is_nan()).then_some(Tested { p, adjusted });
    let slice = |index: usize| {
        let gating = tested(gated[metrics.len() + index], adjusted[metrics.len() + index]);
        gating.or(tested(explored[index], adjusted_explored[index]))
    };
    let hidden = |(index, look): (usize, &Look<'_>)| {
        let Some(imputed) = &look.imputed else { return Ok(false) };
        let mut gated = gated.clone();
        gated[index] = looked.p(imputed.p()?.unwrap_or(f64::NAN), first_step)?;
        Ok(bh(&gated)[index] <= q)
    };
    Ok(Corrected {
        metrics: gated.iter().zip(&adjusted).take(metrics.len()).map(|(p, adjusted)| tested(*p, *adjusted)).collect(),
        slices: (0..slices.len()).map(slice).collect(),
        level: looked.level(first_step)?,
        hidden_fall: looks.iter().enumerate().map(hidden).collect::<Result<_, Error>>()?,
    })
}
