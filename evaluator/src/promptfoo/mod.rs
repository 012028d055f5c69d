//! promptfoo's suites, read as they are.
//!
//! `tests` reads tests, CSV rows and scenarios; `expand` makes cases of them; `prompt` renders; `asserts` judges; `tree` adds up; `compare`
//! picks the best of several answers; `derived` computes with the sums; `grader` and `similar` ask models. Where promptfoo is wrong its users' verdicts would be too: karat names
//! the right key, keeps the other verdicts of a case that has an error, and prints an object as JSON.

mod asserts;
pub(crate) mod compare;
mod csv;
pub(crate) mod derived;
mod expand;
mod glob;
mod grader;
mod prompt;
mod prompts;
mod similar;
mod tests;
pub(crate) mod transform;
pub(crate) mod tree;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chat::Usage;
use crate::checks::{Assertion, Check, Context, Criterion, Judged, Outcome, Scale, Subject, Verdict};
use crate::dataset::Vars;
use crate::files::Files;
use crate::js;
use crate::script::{Language, Script};
use crate::spec::{Better, CheckSpec};
use crate::template::{Env, Template, render};

use grader::{Gives, Grader};
use similar::Metric;
use transform::Transform;

pub(crate) use asserts::cannot;
pub(crate) use expand::{Test, expand};
pub(crate) use grader::graded;
pub(crate) use prompt::render_prompt;
pub(crate) use prompts::{Raw, has_config, read as read_prompts};
pub(crate) use similar::Similar;
pub(crate) use tests::{read as read_tests, read_default};

/// One assertion of promptfoo's.
#[derive(Debug, Clone)]
pub(crate) struct Assert {
    /// The kind without `not-`.
    kind: String,
    inverse: bool,
    value: Option<Value>,
    threshold: Option<f64>,
    weight: f64,
    transform: Option<Transform>,
    env: BTreeMap<String, String>,
    /// Why it cannot be judged, whatever the answer is.
    fault: Option<String>,
}

/// What an assertion compares.
struct Prepared {
    value: Option<Value>,
    /// What a transform made of the answer, as it is and as text.
    changed: Option<Value>,
    output: Option<String>,
}

impl Assert {
    /// The kind without `not-`.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// The expected value as the suite has it.
    pub(crate) fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// Why no answer at all can be judged: there is a fault, the kind does not run here, or it lacks the value or threshold that it needs.
    pub(crate) fn barred(&self) -> Option<String> {
        let reads_traces = self.kind.starts_with("trace-") || (self.kind.starts_with("trajectory:") && self.kind != "trajectory:goal-success");
        if self.fault.is_some() || reads_traces || matches!(self.kind.as_str(), "max-score" | "is-valid-openai-tools-call") {
            return self.fault.clone();
        }
        let (vars, output) = (Vars::new(), Value::String("x".to_owned()));
        // An answer about which everything is known: what cannot be said of it can be said of none.
        let subject = Subject {
            vars: &vars,
            output: "x",
            value: &output,
            prompt: "",
            latency_ms: Some(0.0),
            cost_usd: Some(0.0),
            usage: Usage::default(),
            finish_reason: Some("stop"),
            log_probs: Some(&[-0.1]),
            tools: None,
            spans: None,
        };
        let value = self.value.as_ref();
        let question = asserts::Question { kind: &self.kind, inverse: self.inverse, value, threshold: self.threshold, subject: &subject };
        let why = asserts::grade(&question).err()?;
        // A value with variables in it is known in each case alone.
        let is_open = value.is_some_and(|value| value.to_string().contains("{{") || value.to_string().contains("{%"));
        (!is_open || why == asserts::cannot(&self.kind)).then_some(why)
    }

    /// What the values are that a gate compares.
    pub(crate) fn scale(&self) -> Scale {
        asserts::scale(&self.kind)
    }

    pub(crate) fn signature(&self) -> String {
        asserts::signature(&self.kind)
    }

    /// Judges an answer; what promptfoo throws for is no verdict.
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        self.as_verdict(self.grade(subject))
    }

    fn as_verdict(&self, grade: Result<asserts::Grade, String>) -> Verdict {
        match grade {
            Ok(grade) => Verdict {
                outcome: Outcome::Value,
                value: grade.value.or(Some(grade.score)),
                // promptfoo: weight 0 is looked at, and forgives.
                passed: Some(grade.pass || self.weight == 0.0),
                score: Some(grade.score),
                label: None,
                reason: grade.reason,
            },
            Err(error) => Verdict::failed(error),
        }
    }

    fn grade(&self, subject: &Subject<'_>) -> Result<asserts::Grade, String> {
        let prepared = self.prepared(subject)?;
        let output = prepared.output.as_deref().unwrap_or(subject.output);
        let subject = Subject { value: prepared.changed.as_ref().unwrap_or(subject.value), output, ..*subject };
        asserts::grade(&asserts::Question {
            kind: &self.kind,
            inverse: self.inverse,
            value: prepared.value.as_ref(),
            threshold: self.threshold,
            subject: &subject,
        })
    }

    /// The expected value with its variables, and the answer as the assertion's own transform leaves it.
    fn prepared(&self, subject: &Subject<'_>) -> Result<Prepared, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let value = self.value.as_ref().map(|value| self.filled_in(value, subject)).transpose()?;
        let changed = self.transform.as_ref().map(|transform| transform.apply(subject.value)).transpose()?;
        Ok(Prepared { value, output: changed.as_ref().map(js::coerce), changed })
    }

    /// promptfoo fills in texts and lists of texts, nothing deeper.
    fn filled_in(&self, value: &Value, subject: &Subject<'_>) -> Result<Value, String> {
        let text = |text: &str| render(text, subject.vars, &self.env).map(Value::String);
        match value {
            Value::String(template) => text(template),
            Value::Array(items) => items.iter().map(|item| item.as_str().map_or_else(|| Ok(item.clone()), text)).collect(),
            other => Ok(other.clone()),
        }
    }
}

/// Makes an assertion out of its keys; what is wrong with them shows where it is judged.
pub(crate) fn assertion(spec: &CheckSpec, id: String, context: &Context<'_>) -> Assertion {
    let name = spec.kind.clone().unwrap_or_default();
    let (kind, inverse) = name.strip_prefix("not-").map_or((name.as_str(), false), |kind| (kind, true));
    let weight = spec.weight.unwrap_or(1.0);
    let mut fault = fault_of(kind, spec);
    let value = spec.value.clone().map(|value| {
        loaded(value, context.files).unwrap_or_else(|error| {
            fault.get_or_insert(error);
            Value::Null
        })
    });
    let environment = value.as_ref().map(|value| environment(value, context.env)).unwrap_or_default();
    let transform = spec.transform.as_deref().and_then(|code| {
        let read = Transform::parse(code);
        if let Ok(Transform::Script(_)) | Err(_) = read {
            fault.get_or_insert_with(|| format!("the transform {code:?} of an assertion is more than a path; move it to the test's options"));
        }
        read.ok()
    });
    let language = match kind {
        "javascript" => Some(Language::JavaScript),
        "python" => Some(Language::Python),
        _ => None,
    };
    let code = value.as_ref().and_then(Value::as_str).map(str::to_owned);
    let check = match (language, code, &fault) {
        (Some(language), Some(code), None) => Check::Script(Script { language, code, inverse, threshold: spec.threshold }),
        _ => {
            let (kind, threshold) = (kind.to_owned(), spec.threshold);
            by_model(Assert { kind, inverse, value, threshold, weight, transform, env: environment, fault }, spec, context)
        }
    };
    let better = spec.better.unwrap_or(if check.scale() == Scale::Unbounded { Better::Lower } else { Better::Higher });
    let when = spec.when.clone().into_iter().collect();
    let metric = spec.metric.clone().unwrap_or_else(|| name.clone());
    Assertion { id, metric, name, check, negated: inverse, weight, threshold: spec.threshold, when, better }
}

/// Has a kind that asks a model ask one, where one is named; the others judge by themselves.
fn by_model(assert: Assert, spec: &CheckSpec, context: &Context<'_>) -> Check {
    let made = match (Metric::of_kind(&assert.kind), assert.kind.as_str()) {
        _ if assert.fault.is_some() => return Check::Promptfoo(Box::new(assert)),
        (Some(metric), _) => Similar::new(&assert, metric, spec, context).map(|similar| Check::Similar(Box::new(similar))),
        (None, "llm-rubric") => judged(&assert, spec, context).map(Check::Judge),
        _ => return Check::Promptfoo(Box::new(assert)),
    };
    made.unwrap_or_else(|why| Check::Promptfoo(Box::new(Assert { fault: Some(why), ..assert })))
}

/// `llm-rubric`: a judge with the rubric as its criterion.
fn judged(assert: &Assert, spec: &CheckSpec, context: &Context<'_>) -> Result<Judged, String> {
    let grader = Grader::of(spec.provider.as_ref(), Gives::Text).ok_or(
        "llm-rubric needs a model that judges: name one in `provider` or defaultTest.options.provider (openai:chat:<model>, bedrock:<model>), \
         or use `check: judge` with a rubric",
    )?;
    if spec.rubric_prompt.is_some() || assert.transform.is_some() {
        return Err("llm-rubric with a rubricPrompt or a transform of its own does not run here; use `check: judge` with a rubric".to_owned());
    }
    let text = match &assert.value {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string(),
        _ => return Err("llm-rubric needs a rubric in words as its value".to_owned()),
    };
    Judged::by_criterion(Criterion { text, env: assert.env.clone() }, &grader.id, grader.config, context).map_err(|error| error.to_string())
}

/// What keeps a kind from being judged at all.
fn fault_of(kind: &str, spec: &CheckSpec) -> Option<String> {
    if kind.is_empty() {
        return Some("an assertion needs `type`".to_owned());
    }
    if !asserts::is_known(kind) {
        return Some(asserts::unknown(kind));
    }
    let script = spec.value.as_ref().and_then(Value::as_str).is_some_and(|value| value.starts_with("file://") || value.starts_with("package:"));
    (script && matches!(kind, "javascript" | "python" | "ruby"))
        .then(|| format!("{kind} from a file does not run here; write the code into the suite"))
}

/// Loads `file://` values: JSON and YAML as what they hold, text without the white space around it.
fn loaded(value: Value, files: &Files) -> Result<Value, String> {
    let load = |name: &str| -> Result<Value, String> {
        let text = files.read("assertion", name).map_err(|error| error.to_string())?;
        match name.rsplit('.').next() {
            Some("json" | "yaml" | "yml") => serde_yaml_ng::from_str(&text).map_err(|error| format!("{name}: {error}")),
            Some("txt") => Ok(Value::String(text.trim().to_owned())),
            _ => Err(format!("{name}: a value is read from .json, .yaml or .txt; code does not run here")),
        }
    };
    match value {
        Value::String(name) if name.starts_with("file://") => load(&name),
        Value::String(name) if name.starts_with("package:") => Err(format!("{name}: code of a package does not run here")),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item.as_str().filter(|name| name.starts_with("file://")) {
                Some(name) => load(name),
                None => Ok(item),
            })
            .collect(),
        other => Ok(other),
    }
}

/// The environment variables that texts of a value name.
fn environment(value: &Value, env: Env<'_>) -> BTreeMap<String, String> {
    match value {
        Value::String(text) => Template::parse(text, env).map(|template| template.env().clone()).unwrap_or_default(),
        Value::Array(items) => items.iter().flat_map(|item| environment(item, env)).collect(),
        _ => BTreeMap::new(),
    }
}

/// Names the nearest right kind for a wrong one, for `karat eval validate`.
pub(crate) fn unknown_kind(name: &str) -> Option<String> {
    let kind = name.strip_prefix("not-").unwrap_or(name);
    (!asserts::is_known(kind)).then(|| asserts::unknown(kind))
}
