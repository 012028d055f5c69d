//! From the keys of a suite to a check, or to what is wrong with them.

use measure::agents::ToolMatch;
use measure::safety::PiiKind;
use serde_json::Value;

use crate::chat::Connector;
use crate::checks::budget::{Budget, Spent};
use crate::checks::contains::{Contains, Needles, Place};
use crate::checks::equals::{Equals, Rule};
use crate::checks::groundedness::Groundedness;
use crate::checks::json::Json;
use crate::checks::judged::Judged;
use crate::checks::latency::Latency;
use crate::checks::numeric::Numeric;
use crate::checks::overlap::{self, Overlap};
use crate::checks::quotes::{Cited, Quotes};
use crate::checks::ranked::{self, Ranked};
use crate::checks::readability::{Formula, Readability};
use crate::checks::regex::Regex;
use crate::checks::safety::{LooksFor, Safety};
use crate::checks::semantic::{Compared, Semantic};
use crate::checks::sql::Sql;
use crate::checks::token_f1::TokenF1;
use crate::checks::tools::{self, Tools};
use crate::checks::{Assertion, Check, OUTPUT, Scale, borrowed};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::files::Files;
use crate::keys::unknown;
use crate::promptfoo::{cannot, unknown_kind};
use crate::spec::{ArgumentRule, CheckSpec};
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

/// Every name of a kind that is not one of a family's.
const NAMES: [&str; 32] = [
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
    "judge_groundedness",
    "judge_correctness",
    "judge_pairwise",
    "numeric",
    "quotes",
    "citations",
    "reading_ease",
    "reading_grade",
    "reading_ari",
    "pii",
    "secrets",
    "canary",
    "refusal",
    "sql",
];

/// Every name of a kind.
fn names() -> Vec<&'static str> {
    let families = [names_of(&Spent::NAMES), names_of(&overlap::Measure::NAMES), names_of(&ranked::Measure::NAMES), names_of(&tools::Rule::NAMES)];
    NAMES.into_iter().chain(families.concat()).chain(names_of(&Compared::NAMES)).collect()
}

fn names_of<T>(family: &[(&'static str, T)]) -> Vec<&'static str> {
    family.iter().map(|(name, _)| *name).collect()
}

/// Why there is no check of this name, and where promptfoo's go that ask a model.
fn no_check(kind: &str) -> String {
    match unknown_kind(kind) {
        // These ask no model, and a judge is no substitute.
        None if matches!(kind, "meteor" | "ruby" | "webhook") => cannot(kind),
        None => {
            format!("{kind} is promptfoo's and does not run under `checks`: write `check: judge`, or `defaultTest: {{assert: [{{type: {kind}}}]}}`")
        }
        Some(_) => unknown("check", kind, &[names(), Vec::from(borrowed::NAMES)].concat()),
    }
}

/// Whether karat itself has a check of this name.
pub(crate) fn is_own(kind: &str) -> bool {
    names().contains(&kind)
}

/// Makes an assertion out of its keys.
pub(crate) fn parse(spec: &CheckSpec, id: String, context: &Context<'_>) -> Result<Assertion, Error> {
    let name = match (&spec.check, &spec.kind) {
        (Some(name), None) | (None, Some(name)) => name.clone(),
        (Some(_), Some(_)) => return Err(context.error("write `check` or `type`, not both")),
        (None, None) => return Err(context.error("a check needs `check` (karat's name) or `type` (promptfoo's)")),
    };
    let (kind, negated) = name.strip_prefix("not-").map_or((name.as_str(), false), |kind| (kind, true));
    let check = check_of(kind, spec, context)?;
    // A `not-` that would pass on a leak is never what was meant.
    if negated && matches!(&check, Check::Safety(safety) if safety.looks_for != LooksFor::Refusal) {
        return Err(context.error(&format!("{kind} passes where nothing is found; write it without `not-`")));
    }
    refuse_useless_keys(kind, &check, spec, context)?;
    let columns = [&spec.reference, &spec.sources, &spec.question, &spec.against, &spec.labels];
    for column in spec.when.keys().map(String::as_str).chain(columns.into_iter().flatten().map(String::as_str)) {
        context.dataset.expect_column(&context.place, column)?;
    }
    if let Some(answer) = spec.answer.as_deref().filter(|answer| *answer != OUTPUT) {
        context.dataset.expect_column(&context.place, answer)?;
    }
    let weight = spec.weight.unwrap_or(1.0);
    if !(weight >= 0.0 && weight.is_finite()) {
        return Err(context.error("weight is a number from 0 on"));
    }
    let threshold = match (spec.threshold, spec.max) {
        (Some(_), Some(_)) => return Err(context.error("write `max` or `threshold`, not both")),
        (threshold, max) => threshold.or(max),
    };
    if negated && check.scale() != Scale::Rate && threshold.is_none() {
        return Err(context.error(&format!("{name} needs a threshold: {kind} gives a value, and `not-` turns a pass around")));
    }
    let better = spec.better.unwrap_or_else(|| check.better());
    let metric = spec.metric.clone().unwrap_or_else(|| name.clone());
    let when = spec.when.clone().into_iter().collect();
    Ok(Assertion { id, name, check, negated, metric, weight, threshold, when, better })
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
        "judge" | "judge_groundedness" | "judge_correctness" | "judge_pairwise" => Check::Judge(Judged::new(kind, answer, spec, context)?),
        "numeric" => Check::Numeric(Numeric {
            answer,
            reference: needed(spec.reference.as_ref(), "reference", kind, context)?,
            absolute: spec.absolute.unwrap_or(1e-6),
            relative: spec.relative.unwrap_or(0.0),
        }),
        "quotes" | "citations" => {
            let what = if kind == "quotes" { Cited::Spans } else { Cited::Ids };
            Check::Quotes(Quotes { answer, sources: needed(spec.sources.as_ref(), "sources", kind, context)?, what })
        }
        "reading_ease" => Check::Readability(Readability { answer, formula: Formula::Ease }),
        "reading_grade" => Check::Readability(Readability { answer, formula: Formula::Grade }),
        "reading_ari" => Check::Readability(Readability { answer, formula: Formula::Ari }),
        "pii" => Check::Safety(Safety { answer, looks_for: LooksFor::Pii(pii_kinds(spec, context)?) }),
        "secrets" => Check::Safety(Safety { answer, looks_for: LooksFor::Secrets }),
        "canary" => Check::Safety(Safety { answer, looks_for: LooksFor::Canary(expected(spec, context)?) }),
        "refusal" => Check::Safety(Safety { answer, looks_for: LooksFor::Refusal }),
        "sql" => Check::Sql(Sql::new(spec, context)?),
        _ => return of_family(kind, answer, spec, context),
    })
}

/// Kinds whose names are those of a family's measures.
fn of_family(kind: &str, answer: String, spec: &CheckSpec, context: &Context<'_>) -> Result<Check, Error> {
    if let Some(spent) = Spent::named(kind) {
        return Ok(Check::Budget(Budget { spent, steps: answer }));
    }
    if let Some(measure) = overlap::Measure::named(kind) {
        return Ok(Check::Overlap(Overlap { measure, answer, reference: needed(spec.reference.as_ref(), "reference", kind, context)? }));
    }
    if let Some(compared) = Compared::named(kind) {
        return Ok(Check::Semantic(Semantic::new(compared, answer, spec, context)?));
    }
    if let Some(measure) = ranked::Measure::named(kind) {
        let column = |column: &Option<String>, default: &str| column.clone().unwrap_or_else(|| default.to_owned());
        let (retrieved, relevant) = (column(&spec.sources, "documents"), column(&spec.reference, "relevant"));
        for column in [&retrieved, &relevant] {
            context.dataset.expect_column(&context.place, column)?;
        }
        return Ok(Check::Ranked(Ranked { measure, retrieved, relevant, k: spec.k }));
    }
    let rule = tools::Rule::named(kind).ok_or_else(|| context.error(&no_check(kind)))?;
    let expected = if rule.needs_expected() { Some(needed(spec.reference.as_ref(), "reference", kind, context)?) } else { None };
    let arguments = match spec.arguments {
        None => rule.arguments(),
        Some(ArgumentRule::Exact) => ToolMatch::Exact,
        Some(ArgumentRule::Partial) => ToolMatch::Partial,
        Some(ArgumentRule::Ignore) => ToolMatch::Ignore,
    };
    Ok(Check::Tools(Tools { rule, calls: answer, expected, arguments }))
}

/// The kinds of personal data that a check looks for: those of its value, or all.
fn pii_kinds(spec: &CheckSpec, context: &Context<'_>) -> Result<Vec<PiiKind>, Error> {
    let known: Vec<&str> = PiiKind::ALL.iter().map(|kind| kind.name()).collect();
    let named = |value: &Value| {
        let name = crate::template::show(value);
        PiiKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| context.error(&unknown("kind of personal data", &name, &known)))
    };
    match &spec.value {
        None => Ok(PiiKind::ALL.to_vec()),
        Some(Value::Array(names)) => names.iter().map(named).collect(),
        Some(name) => Ok(vec![named(name)?]),
    }
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
    let semantic = |wanted| matches!(check, Check::Semantic(semantic) if semantic.compared == wanted);
    let text = matches!(check, Check::Equals(_) | Check::Contains(_)) || kind == "canary";
    let sourced = matches!(check, Check::Groundedness(_) | Check::Quotes(_) | Check::Ranked(_));
    let budget = matches!(check, Check::Budget(_));
    let compared = matches!(check, Check::Overlap(_) | Check::Numeric(_) | Check::Ranked(_) | Check::Tools(_));
    let given = [
        ("value", spec.value.is_some(), text || kind == "pii" || matches!(check, Check::Regex(_) | Check::Json(_))),
        ("max", spec.max.is_some(), budget || matches!(check, Check::Latency(_))),
        ("answer", spec.answer.is_some(), !matches!(check, Check::Latency(_) | Check::Ranked(_) | Check::Sql(_)) && (!budget || kind == "steps")),
        ("reference", spec.reference.is_some(), text || judge || compared || matches!(check, Check::TokenF1(_)) || semantic(Compared::Similarity)),
        ("sources", spec.sources.is_some(), judge || sourced || semantic(Compared::Support)),
        ("question", spec.question.is_some(), judge || semantic(Compared::Relevancy)),
        ("select", spec.select.is_some(), kind == "sql"),
        ("schema", spec.schema.is_some(), matches!(check, Check::Json(_))),
        ("rubric", spec.rubric.is_some(), kind == "judge" || kind == "judge_pairwise"),
        ("model", spec.model.is_some(), judge || matches!(check, Check::Semantic(_))),
        ("config", spec.config.is_some(), judge || matches!(check, Check::Semantic(_))),
        ("votes", spec.votes.is_some(), kind == "judge"),
        ("models", !spec.models.is_empty(), kind == "judge"),
        ("pool", spec.pool.is_some(), !spec.models.is_empty()),
        ("weighted", spec.weighted.is_some(), kind == "judge" || kind == "judge_pairwise"),
        ("against", spec.against.is_some(), kind == "judge_pairwise"),
        ("labels", spec.labels.is_some(), judge),
        ("anchors", spec.anchors.is_some(), judge),
        ("k", spec.k.is_some(), matches!(check, Check::Ranked(_))),
        ("arguments", spec.arguments.is_some(), matches!(check, Check::Tools(tools) if tools.rule.needs_expected())),
        ("absolute", spec.absolute.is_some(), matches!(check, Check::Numeric(_))),
        ("relative", spec.relative.is_some(), matches!(check, Check::Numeric(_))),
        ("assert", !spec.assert.is_empty(), false),
        ("transform", spec.transform.is_some(), false),
        ("provider", spec.provider.is_some(), false),
        ("rubricPrompt", spec.rubric_prompt.is_some(), false),
    ];
    match given.iter().find(|(_, is_given, is_used)| *is_given && !is_used) {
        Some((key, _, _)) => Err(context.error(&format!("key {key:?} means nothing to {kind}"))),
        None => Ok(()),
    }
}
