//! The metrics of a suite: what checks of one name count for together.

use std::collections::BTreeMap;

use crate::cases::Plan;
use crate::checks::{Assertion, Check, Node, Scale};
use crate::dataset::{Dataset, Vars};
use crate::error::Error;
use crate::keys::unknown;
use crate::spec::{Better, GateSpec, Margin, MetricSpec};
use crate::template::render;

/// What checks of one name count for together.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub name: String,
    pub scale: Scale,
    pub better: Better,
    pub spec: MetricSpec,
}

/// The name of a check's metric in a case; promptfoo's may hold variables, and is taken as it is where they cannot be filled in.
pub(crate) fn metric_name(metric: &str, vars: &Vars) -> String {
    render(metric, vars, &BTreeMap::new()).unwrap_or_else(|_| metric.to_owned())
}

/// Gathers the metrics: one a name, with the widest scale of its checks.
pub(crate) fn metrics(dataset: &Dataset, plans: &[Plan], gate: &GateSpec) -> Result<Vec<Metric>, Error> {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut seen: Option<*const Vec<Node>> = None;
    for (case, plan) in dataset.cases.iter().zip(plans) {
        let place = std::sync::Arc::as_ptr(&plan.nodes);
        let templated = plan.nodes.iter().flat_map(|node| node.assertions()).any(|assertion| assertion.metric.contains("{{"));
        // Cases with the same checks have the same metrics, unless a name depends on the case.
        if seen == Some(place) && !templated {
            continue;
        }
        seen = Some(place);
        for node in plan.nodes.iter() {
            if let Node::Set(set) = node {
                let name = set.metric.as_ref().map_or_else(|| "assert-set".to_owned(), |metric| metric_name(metric, &case.vars));
                join(&mut metrics, name, Scale::Score, Better::Higher, true, gate)?;
            }
            for assertion in node.assertions() {
                // What a threshold makes pass or fail is still measured by its value; `not-` leaves only the pass.
                let scale = if assertion.negated && !is_promptfoo(assertion) { Scale::Rate } else { assertion.check.scale() };
                join(&mut metrics, metric_name(&assertion.metric, &case.vars), scale, assertion.better, is_promptfoo(assertion), gate)?;
            }
        }
    }
    let over_repeats = over_repeats(&metrics, plans, gate)?;
    metrics.extend(over_repeats);
    check_rules(&metrics, plans, gate)?;
    Ok(metrics)
}

/// The metrics that are made of the repeats of another: pass^k and pass@k.
fn over_repeats(metrics: &[Metric], plans: &[Plan], gate: &GateSpec) -> Result<Vec<Metric>, Error> {
    let known: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    let derived = gate.metrics.iter().filter_map(|(name, spec)| Some((name, spec.as_ref()?, spec.as_ref()?.attempts()?)));
    let made = derived.map(|(name, spec, attempts)| {
        let wrong = |what: &str| Err(Error::config(format!("gate.metrics: {name:?} {what}")));
        if known.contains(&name.as_str()) {
            return wrong("is the metric of a check: give pass_k and pass_at_k a name of their own");
        }
        if spec.pass_k.is_some() && spec.pass_at_k.is_some() {
            return wrong("is pass_k or pass_at_k, not both");
        }
        if spec.critical {
            return wrong("is made of repeats and cannot be critical: make the metric critical that it is of");
        }
        if !known.contains(&attempts.of.as_str()) {
            return Err(Error::config(format!("gate.metrics: {name:?}: {}", unknown("metric", &attempts.of, &known))));
        }
        if first_checks(plans).any(|assertion| assertion.metric == attempts.of && !decides(assertion)) {
            return wrong(&format!("counts passes, but checks of {:?} neither pass nor fail; give them a threshold", attempts.of));
        }
        Ok(Metric { name: name.clone(), scale: Scale::Rate, better: Better::Higher, spec: spec.clone() })
    });
    made.collect()
}

/// Refuses attempts that the cases are not given; `repeat` is what a case without a number of its own has.
pub(crate) fn check_attempts(metrics: &[Metric], plans: &[Plan], repeat: u32) -> Result<(), Error> {
    let least = plans.iter().map(|plan| plan.test.repeat.unwrap_or(repeat)).min().unwrap_or(repeat);
    for (metric, k) in metrics.iter().filter_map(|metric| Some((metric, metric.spec.attempts()?.k))) {
        if k == 0 || k > least as usize {
            let name = &metric.name;
            return Err(Error::config(format!("gate.metrics: {name:?} looks at {k} attempts at a case, and there are {least}; set `repeat`")));
        }
    }
    Ok(())
}

/// The checks of the first case.
fn first_checks(plans: &[Plan]) -> impl Iterator<Item = &Assertion> {
    plans.iter().take(1).flat_map(|plan| plan.nodes.iter()).flat_map(|node| node.assertions())
}

/// Whether a check passes or fails, and does not only give a value.
fn decides(assertion: &Assertion) -> bool {
    assertion.threshold.is_some() || assertion.check.scale() == Scale::Rate || is_promptfoo(assertion)
}

fn is_promptfoo(assertion: &Assertion) -> bool {
    matches!(assertion.check, Check::Promptfoo(_) | Check::Script(_))
}

fn join(metrics: &mut Vec<Metric>, name: String, scale: Scale, better: Better, is_promptfoo: bool, gate: &GateSpec) -> Result<(), Error> {
    let Some(metric) = metrics.iter_mut().find(|metric| metric.name == name) else {
        let spec = gate.metrics.get(&name).cloned().flatten().unwrap_or_default();
        metrics.push(Metric { name, scale, better, spec });
        return Ok(());
    };
    if (metric.scale == Scale::Unbounded) == (scale == Scale::Unbounded) && metric.better == better {
        metric.scale = metric.scale.max(scale);
        return Ok(());
    }
    if is_promptfoo {
        // promptfoo averages scores, whatever was measured: milliseconds count as passed or not.
        (metric.scale, metric.better) = (Scale::Score, Better::Higher);
        return Ok(());
    }
    Err(Error::config(format!("metric {name:?} joins checks that cannot be averaged; give one of them another metric")))
}

/// A number in a metric's rule that cannot be meant, and why.
fn out_of_range(spec: &MetricSpec, scale: Scale) -> Option<String> {
    let thresholds = [("min", spec.min), ("max", spec.max), ("min_lower_bound", spec.min_lower_bound), ("max_upper_bound", spec.max_upper_bound)];
    if let Some((key, value)) = thresholds.iter().find_map(|(key, value)| Some((key, value.filter(|value| !value.is_finite())?))) {
        return Some(format!("{key} is a number, not {value}"));
    }
    let most = if scale == Scale::Unbounded { f64::MAX } else { 1.0 };
    let margin = spec.margin.map(|margin| match margin {
        Margin::Absolute(margin) => margin,
        Margin::Relative(_) => 0.0,
    });
    let sizes = [("max_mde", spec.max_mde), ("min_effect", spec.min_effect), ("margin", margin)];
    let (key, value) = sizes.iter().find_map(|(key, value)| Some((key, value.filter(|value| !(0.0..=most).contains(value))?)))?;
    let range = if scale == Scale::Unbounded { "0 or more" } else { "from 0 to 1" };
    Some(format!("{key} is {range}, not {value}"))
}

/// Holds the gate's rules against the metrics that there are.
fn check_rules(metrics: &[Metric], plans: &[Plan], gate: &GateSpec) -> Result<(), Error> {
    let known: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for (name, spec) in &gate.metrics {
        if !known.contains(&name.as_str()) {
            return Err(Error::config(format!("gate.metrics: {}", unknown("metric", name, &known))));
        }
        if let Some(what) = spec.as_ref().and_then(|spec| out_of_range(spec, metrics.iter().find(|metric| metric.name == *name)?.scale)) {
            return Err(Error::config(format!("gate.metrics: {name}: {what}")));
        }
        let is_open = |assertion: &Assertion| assertion.metric == *name && !decides(assertion);
        if spec.as_ref().is_some_and(|spec| spec.critical) && first_checks(plans).any(is_open) {
            let what = format!("gate.metrics: {name:?} is critical, but its checks neither pass nor fail; give them a threshold");
            return Err(Error::config(what));
        }
    }
    Ok(())
}
