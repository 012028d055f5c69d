//! Asserts on the tools that an agent called, as its trace tells.

use serde_json::{Map, Value};

use crate::js;
use crate::promptfoo::asserts::trace::{is_like, spans};
use crate::promptfoo::asserts::{Grade, Question};
use crate::trace::{Step, steps};

/// What a step must look like.
struct Matcher<'a> {
    kinds: Vec<&'a str>,
    pattern: Option<&'a str>,
}

impl<'a> Matcher<'a> {
    /// Reads a pattern, or `{name | pattern, type}`.
    fn of(value: &'a Value, kind: Option<&'a str>) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let kinds = match value.get("type") {
            Some(Value::String(kind)) => vec![kind.as_str()],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => kind.into_iter().collect(),
        };
        Self { kinds, pattern: value.as_str().or_else(|| text("pattern")).or_else(|| text("name")) }
    }

    fn fits(&self, step: &Step) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&step.kind);
        kind && self.pattern.is_none_or(|pattern| step.aliases.iter().any(|alias| is_like(alias, pattern)))
    }
}

/// `trajectory:tool-used`: the tools were called, or one of them between `min` and `max` times.
pub(super) fn tool_used(question: &Question<'_>) -> Result<Grade, String> {
    let steps = tools(question)?;
    let names = match question.value {
        Some(Value::Object(_)) => return tool_used_times(question, &steps),
        Some(text @ Value::String(_)) => vec![text],
        Some(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_string) => items.iter().collect(),
        _ => return Err("trajectory:tool-used needs names of tools as its value".to_owned()),
    };
    let used = |name: &&Value| steps.iter().any(|step| Matcher::of(name, Some("tool")).fits(step));
    let n_used = names.iter().copied().filter(|name| used(name)).count();
    let pass = if question.inverse { n_used == 0 } else { n_used == names.len() };
    Ok(Grade::pass(pass, || format!("{n_used} of {} tools were called; called were {:?}", names.len(), called(&steps))))
}

fn tool_used_times(question: &Question<'_>, steps: &[Step]) -> Result<Grade, String> {
    let Some(value) = question.value else { return Err("a value is missing".to_owned()) };
    let matcher = Matcher::of(value, Some("tool"));
    if matcher.pattern.is_none() {
        return Err("trajectory:tool-used needs a name or a pattern".to_owned());
    }
    let min = value.get("min").and_then(Value::as_f64).unwrap_or(1.0);
    within(question, steps.iter().filter(|step| matcher.fits(step)).count(), Some(min), value.get("max").and_then(Value::as_f64))
}

/// `trajectory:tool-sequence`: the tools were called in this order, with others between them or, `mode: exact`, without.
pub(super) fn tool_sequence(question: &Question<'_>) -> Result<Grade, String> {
    let steps = tools(question)?;
    let (mode, wanted) = match question.value {
        Some(Value::Array(items)) => ("in_order", items),
        Some(Value::Object(fields)) => {
            let items = fields.get("steps").and_then(Value::as_array).ok_or("trajectory:tool-sequence needs steps")?;
            (fields.get("mode").and_then(Value::as_str).unwrap_or("in_order"), items)
        }
        _ => return Err("trajectory:tool-sequence needs a list of tools as its value".to_owned()),
    };
    let matchers: Vec<Matcher<'_>> = wanted.iter().map(|item| Matcher::of(item, Some("tool"))).collect();
    if matchers.is_empty() || matchers.iter().any(|matcher| matcher.pattern.is_none()) {
        return Err("trajectory:tool-sequence needs steps with a name or a pattern".to_owned());
    }
    let holds = if mode == "exact" {
        steps.len() == matchers.len() && matchers.iter().zip(&steps).all(|(matcher, step)| matcher.fits(step))
    } else {
        let mut left = matchers.iter().peekable();
        for step in &steps {
            left.next_if(|matcher| matcher.fits(step));
        }
        left.peek().is_none()
    };
    Ok(Grade::pass(holds != question.inverse, || format!("called were {:?}", called(&steps))))
}

/// `trajectory:tool-args-match`: a call of the tool had these arguments.
pub(super) fn tool_args_match(question: &Question<'_>) -> Result<Grade, String> {
    let steps = tools(question)?;
    let value = question.value.filter(|value| value.is_object()).ok_or("trajectory:tool-args-match needs an object as its value")?;
    let matcher = Matcher::of(value, Some("tool"));
    let expected = value.get("args").or_else(|| value.get("arguments"));
    let (Some(_), Some(expected)) = (matcher.pattern, expected) else {
        return Err("trajectory:tool-args-match needs a name and args".to_owned());
    };
    let exact = match value.get("mode").map(|mode| mode.as_str()) {
        None | Some(Some("partial")) => false,
        Some(Some("exact")) => true,
        _ => return Err("mode is partial or exact".to_owned()),
    };
    let ignored: Vec<&str> = match value.get("ignore") {
        None => Vec::new(),
        Some(Value::String(key)) => vec![key.as_str()],
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err("ignore is a key or a list of keys".to_owned()),
    };
    let defaults = value.get("defaults").and_then(Value::as_object);
    let expected = without(expected, &ignored, None);
    let fits = |step: &&Step| {
        step.args.as_ref().is_some_and(|args| {
            let args = without(args, &ignored, defaults);
            if exact { js::same(&args, &expected) } else { holds_at_least(&args, &expected) }
        })
    };
    let holds = steps.iter().filter(|step| matcher.fits(step)).any(|step| fits(&step));
    Ok(Grade::pass(holds != question.inverse, || format!("called were {:?}", called(&steps))))
}

/// `trajectory:step-count`: between `min` and `max` steps are of a kind and a name.
pub(super) fn step_count(question: &Question<'_>) -> Result<Grade, String> {
    let steps = steps(spans(question)?);
    let value = question.value.filter(|value| value.is_object()).ok_or("trajectory:step-count needs an object as its value")?;
    let end = |key: &str| value.get(key).and_then(Value::as_f64);
    if end("min").is_none() && end("max").is_none() {
        return Err("trajectory:step-count needs min or max".to_owned());
    }
    let matcher = Matcher::of(value, None);
    within(question, steps.iter().filter(|step| matcher.fits(step)).count(), end("min"), end("max"))
}

fn within(question: &Question<'_>, found: usize, min: Option<f64>, max: Option<f64>) -> Result<Grade, String> {
    let n = found as f64;
    let holds = min.is_none_or(|min| n >= min) && max.is_none_or(|max| n <= max);
    Ok(Grade::pass(holds != question.inverse, || format!("{found} steps fit")))
}

fn tools(question: &Question<'_>) -> Result<Vec<Step>, String> {
    Ok(steps(spans(question)?).into_iter().filter(|step| step.kind == "tool").collect())
}

fn called(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.name.as_str()).collect()
}

/// Arguments without those that are ignored, or are what they are by default.
fn without(args: &Value, ignored: &[&str], defaults: Option<&Map<String, Value>>) -> Value {
    let Value::Object(fields) = args else { return args.clone() };
    let is_ignored = |key: &str| ignored.iter().any(|entry| *entry == key || (entry.contains(['*', '?']) && is_like(key, entry)));
    let is_default = |key: &str, value: &Value| defaults.and_then(|defaults| defaults.get(key)).is_some_and(|default| js::same(default, value));
    let kept = fields.iter().filter(|(key, value)| !is_ignored(key) && !is_default(key, value));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Whether everything that is expected stands in what there is.
fn holds_at_least(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(actual, expected)| holds_at_least(actual, expected))
        }
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| holds_at_least(actual, value)))
        }
        (actual, expected) => js::same(actual, expected),
    }
}
