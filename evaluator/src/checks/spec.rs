//! From the keys of a suite to a check, or to what is wrong with them.

use serde_json::Value;

use crate::chat::Connector;
use crate::checks::contains::{Contains, Needles, Place};
use crate::checks::equals::{Equals, Rule};
use crate::checks::groundedness::Groundedness;
use crate::checks::json::Json;
use crate::checks::judged::Judged;
use crate::checks::latency::Latency;
use crate::checks::regex::Regex;
use crate::checks::token_f1::TokenF1;
use crate::checks::{Assertion, Check, OUTPUT, Scale};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::files::Files;
use crate::keys::unknown;
use crate::spec::{Better, CheckSpec};
use crate::template::{Env, Template};

/// What a check may look at while it is made.
pub(crate) struct Context<'a> {
    pub dataset: &'a Dataset,
    pub files: &'a Files,
    pub env: Env<'a>,
    pub connector: &'a Connector,
    /// Where in the suite the check stands, for messages.
    pub place: String,
}

/// Every name of a kind: karat's, and promptfoo's.
const NAMES: [&str; 18] = [
    "exact",
    "equals",
    "exact_match",
    "contains",
    "icontains",
    "contains-all",
    "contains-any",
    "icontains-all",
    "icontains-any",
    "starts-with",
    "regex",
    "is-json",
    "json_schema",
    "contains-json",
    "token_f1",
    "groundedness",
    "latency",
    "judge",
];

/// Makes an assertion out of its keys.
pub(crate) fn parse(spec: &CheckSpec, id: String, context: &Context<'_>) -> Result<Assertion, Error> {
    let name = match (&spec.check, &spec.kind) {
        (Some(name), None) | (None, Some(name)) => name.clone(),
        (Some(_), Some(_)) => return Err(context.error("write `check` or `type`, not both")),
        (None, None) => return Err(context.error("a check needs `check` (karat's name) or `type` (promptfoo's)")),
    };
    let (kind, negated) = name.strip_prefix("not-").map_or((name.as_str(), false), |kind| (kind, true));
    let check = check_of(kind, spec, context)?;
    refuse_useless_keys(kind, &check, spec, context)?;
    for column in
        spec.when.keys().map(String::as_str).chain([&spec.reference, &spec.sources, &spec.question].into_iter().flatten().map(String::as_str))
    {
        context.dataset.expect_column(&context.place, column)?;
    }
    if let Some(answer) = spec.answer.as_deref().filter(|answer| *answer != OUTPUT) {
        context.dataset.expect_column(&context.place, answer)?;
    }
    let weight = spec.weight.unwrap_or(1.0);
    if !(weight >= 0.0 && weight.is_finite()) {
        return Err(context.error("weight is a number from 0 on"));
    }
    if negated && check.scale() != Scale::Rate && spec.threshold.is_none() {
        return Err(context.error(&format!("{name} needs a threshold: {kind} gives a value, and `not-` turns a pass around")));
    }
    let better = spec.better.unwrap_or(if check.scale() == Scale::Unbounded { Better::Lower } else { Better::Higher });
    let metric = spec.metric.clone().unwrap_or_else(|| name.clone());
    let when = spec.when.clone().into_iter().collect();
    Ok(Assertion { id, name, check, negated, metric, weight, threshold: spec.threshold, when, better })
}

impl Context<'_> {
    pub(crate) fn error(&self, what: &str) -> Error {
        Error::config(format!("{}: {what}", self.place))
    }

    /// A template whose variables are columns.
    pub(crate) fn template(&self, text: &str) -> Result<Template, Error> {
        let template = Template::parse(text, self.env).map_err(|error| self.error(&error.to_string()))?;
        for column in template.variables() {
            self.dataset.expect_column(&self.place, column)?;
        }
        Ok(template)
    }
}

fn check_of(kind: &str, spec: &CheckSpec, context: &Context<'_>) -> Result<Check, Error> {
    let answer = spec.answer.clone().unwrap_or_else(|| OUTPUT.to_owned());
    Ok(match kind {
        "exact" | "equals" => Check::Equals(Equals { answer, rule: Rule::Text, expected: expected(spec, context)? }),
        "exact_match" => Check::Equals(Equals { answer, rule: Rule::Squad, expected: expected(spec, context)? }),
        "contains" => Check::Contains(contains(answer, Place::Anywhere, Needles::All, false, spec, context)?),
        "icontains" => Check::Contains(contains(answer, Place::Anywhere, Needles::All, true, spec, context)?),
        "contains-all" => Check::Contains(contains(answer, Place::Anywhere, Needles::All, false, spec, context)?),
        "contains-any" => Check::Contains(contains(answer, Place::Anywhere, Needles::Any, false, spec, context)?),
        "icontains-all" => Check::Contains(contains(answer, Place::Anywhere, Needles::All, true, spec, context)?),
        "icontains-any" => Check::Contains(contains(answer, Place::Anywhere, Needles::Any, true, spec, context)?),
        "starts-with" => Check::Contains(contains(answer, Place::Start, Needles::All, false, spec, context)?),
        "regex" => Check::Regex(Regex::new(answer, template_value(spec, context)?)),
        "is-json" | "json_schema" => Check::Json(Json::new(answer, false, schema(kind, spec, context)?, context)?),
        "contains-json" => Check::Json(Json::new(answer, true, schema(kind, spec, context)?, context)?),
        "token_f1" => Check::TokenF1(TokenF1 { answer, reference: needed(spec.reference.as_ref(), "reference", kind, context)? }),
        "groundedness" => Check::Groundedness(Groundedness { answer, sources: needed(spec.sources.as_ref(), "sources", kind, context)? }),
        "latency" => Check::Latency(Latency),
        "judge" => Check::Judge(Judged::new(answer, spec, context)?),
        _ => return Err(context.error(&unknown("check", kind, &NAMES))),
    })
}

/// What is expected: a column of references, or a value with variables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expected {
    /// Any of the texts in this column.
    Column(String),
    /// Each of these texts.
    Values(Vec<Template>),
}

fn expected(spec: &CheckSpec, context: &Context<'_>) -> Result<Expected, Error> {
    match (&spec.reference, &spec.value) {
        (Some(column), None) => Ok(Expected::Column(column.clone())),
        (None, Some(_)) => Ok(Expected::Values(vec![template_value(spec, context)?])),
        _ => Err(context.error("write `reference` (a column) or `value`, one of the two")),
    }
}

fn template_value(spec: &CheckSpec, context: &Context<'_>) -> Result<Template, Error> {
    match &spec.value {
        Some(Value::String(text)) => context.template(text),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => context.template(&value.to_string()),
        Some(_) => Err(context.error("value is a text here")),
        None => Err(context.error("a value is missing")),
    }
}

fn contains(answer: String, place: Place, needles: Needles, ignore_case: bool, spec: &CheckSpec, context: &Context<'_>) -> Result<Contains, Error> {
    let expected = match (&spec.reference, &spec.value) {
        (None, Some(Value::Array(items))) => {
            let texts = items.iter().map(|item| context.template(&crate::template::show(item))).collect::<Result<Vec<_>, _>>()?;
            if texts.is_empty() {
                return Err(context.error("the list of values is empty"));
            }
            Expected::Values(texts)
        }
        _ => expected(spec, context)?,
    };
    Ok(Contains { answer, place, needles, ignore_case, expected })
}

/// The schema of a JSON check: an object, or the name of a file.
fn schema(kind: &str, spec: &CheckSpec, context: &Context<'_>) -> Result<Option<Value>, Error> {
    match spec.schema.as_ref().or(spec.value.as_ref()) {
        None if kind == "json_schema" => Err(context.error("a schema is missing")),
        None => Ok(None),
        Some(Value::String(file)) => {
            let text = context.files.read(&context.place, file)?;
            serde_yaml_ng::from_str(&text).map(Some).map_err(|error| context.error(&format!("{file}: {error}")))
        }
        Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Some(schema.clone())),
        Some(_) => Err(context.error("a schema is an object, or the name of a file with one")),
    }
}

pub(crate) fn needed(column: Option<&String>, key: &str, kind: &str, context: &Context<'_>) -> Result<String, Error> {
    column.cloned().ok_or_else(|| context.error(&format!("{kind} needs `{key}`, the name of a column")))
}

/// A key that a kind does not look at is a mistake, and a silent one would be a check that checks something else.
fn refuse_useless_keys(kind: &str, check: &Check, spec: &CheckSpec, context: &Context<'_>) -> Result<(), Error> {
    let judge = matches!(check, Check::Judge(_));
    let text = matches!(check, Check::Equals(_) | Check::Contains(_));
    let given = [
        ("value", spec.value.is_some(), text || matches!(check, Check::Regex(_) | Check::Json(_))),
        ("answer", spec.answer.is_some(), !matches!(check, Check::Latency(_))),
        ("reference", spec.reference.is_some(), text || judge || matches!(check, Check::TokenF1(_))),
        ("sources", spec.sources.is_some(), judge || matches!(check, Check::Groundedness(_))),
        ("question", spec.question.is_some(), judge),
        ("schema", spec.schema.is_some(), matches!(check, Check::Json(_))),
        ("rubric", spec.rubric.is_some(), judge),
        ("model", spec.model.is_some(), judge),
        ("config", spec.config.is_some(), judge),
        ("votes", spec.votes.is_some(), judge),
    ];
    match given.iter().find(|(_, is_given, is_used)| *is_given && !is_used) {
        Some((key, _, _)) => Err(context.error(&format!("key {key:?} means nothing to {kind}"))),
        None => Ok(()),
    }
}
