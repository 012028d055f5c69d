//! The agent called the right tools, in the right order, and not in circles.

use std::collections::BTreeMap;

use measure::agents::{Call, Order, ToolMatch, follows, is_met, repeated_calls, repeated_cycles, stagnation, tool_match, trajectory_similarity};
use serde_json::{Map, Value};

use crate::checks::{OUTPUT, Scale, Subject, Verdict};
use crate::js;
use crate::trace::steps;

/// Checks of the tools that were called: in the answer's trace where it is known, else in a column, else in the answer itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tools {
    pub rule: Rule,
    /// Column with the calls; `output` is the answer.
    pub calls: String,
    /// Column with the expected calls, where the rule needs them.
    pub expected: Option<String>,
    pub arguments: ToolMatch,
}

/// What is asked of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Precision,
    Recall,
    F1,
    /// The calls follow what is expected.
    Follows(Order),
    /// How like the sequence of calls is.
    Similarity,
    /// The largest number of times that one call was repeated.
    Repeats,
    /// The largest number of times that one round of calls was gone through.
    Cycles,
    /// The longest run of calls that hardly differ from each other.
    Stagnation,
    /// How many calls there were.
    Count,
}

impl Rule {
    /// Every rule, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Rule); 11] = [
        ("tool_precision", Rule::Precision),
        ("tool_recall", Rule::Recall),
        ("tool_f1", Rule::F1),
        ("trajectory_exact", Rule::Follows(Order::Exact)),
        ("trajectory_in_order", Rule::Follows(Order::InOrder)),
        ("trajectory_any_order", Rule::Follows(Order::AnyOrder)),
        ("trajectory_similarity", Rule::Similarity),
        ("tool_repeats", Rule::Repeats),
        ("tool_cycles", Rule::Cycles),
        ("stagnation", Rule::Stagnation),
        ("tool_calls", Rule::Count),
    ];

    /// The rule that a suite names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }

    /// Whether the rule compares with expected calls.
    pub(crate) fn needs_expected(self) -> bool {
        !matches!(self, Rule::Repeats | Rule::Cycles | Rule::Stagnation | Rule::Count)
    }

    /// How much arguments count where the suite does not say: an order is one of names.
    pub(crate) fn arguments(self) -> ToolMatch {
        if matches!(self, Rule::Follows(_) | Rule::Similarity) { ToolMatch::Ignore } else { ToolMatch::Exact }
    }

    /// What the rule counts in the calls alone; nothing where it compares them.
    fn counted(self, called: &[Call]) -> Option<usize> {
        match self {
            Rule::Repeats => Some(repeated_calls(called)),
            Rule::Cycles => Some(repeated_cycles(called)),
            Rule::Stagnation => Some(stagnation(called)),
            Rule::Count => Some(called.len()),
            _ => None,
        }
    }
}

impl Tools {
    /// What the values are.
    pub(crate) fn scale(&self) -> Scale {
        match self.rule {
            Rule::Follows(_) => Scale::Rate,
            rule if !rule.needs_expected() => Scale::Unbounded,
            _ => Scale::Score,
        }
    }

    pub(crate) fn signature(&self) -> String {
        let name = Rule::NAMES.iter().find(|(_, rule)| *rule == self.rule).map_or("", |(name, _)| name);
        let how = if matches!(self.rule, Rule::Follows(_) | Rule::Similarity) { "order of calls" } else { "multiset, optimal assignment" };
        format!("{name} {how}, arguments:{:?}", self.arguments).to_lowercase()
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        self.judge(subject).unwrap_or_else(Verdict::failed)
    }

    fn judge(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let Some(called) = self.called(subject)? else { return Ok(Verdict::not_applicable("it is not known which tools were called")) };
        if let Some(count) = self.rule.counted(&called) {
            return Ok(Verdict::value(count as f64, String::new()));
        }
        let expected = self.expected.as_ref().and_then(|column| subject.vars.get(column)).map_or(Ok(None), calls_in)?;
        let Some(expected) = expected else { return Ok(Verdict::not_applicable("no tools are expected of this case")) };
        let names = |calls: &[Call]| calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>();
        let met = |called: &Call, expected: &Call| is_met(called, expected, self.arguments);
        let (precision, recall, f1) = tool_match(&called, &expected, self.arguments);
        let mut reason = format!("called {:?}, expected {:?}", names(&called), names(&expected));
        if names(&called) == names(&expected) && called != expected {
            reason.push_str(", with other arguments");
        }
        Ok(match self.rule {
            Rule::Precision => Verdict::value(precision, reason),
            Rule::Recall => Verdict::value(recall, reason),
            Rule::Similarity => Verdict::value(trajectory_similarity(&called, &expected, met), reason),
            Rule::Follows(order) => Verdict::pass(follows(&called, &expected, order, met), || reason),
            _ => Verdict::value(f1, reason),
        })
    }

    fn called(&self, subject: &Subject<'_>) -> Result<Option<Vec<Call>>, String> {
        if let Some(spans) = subject.spans {
            let tools = steps(spans).into_iter().filter(|step| step.kind == "tool");
            return Ok(Some(tools.map(|step| Call { name: step.name, arguments: arguments_of(step.args.as_ref()) }).collect()));
        }
        if self.calls == OUTPUT { calls_of_answer(subject.value) } else { subject.vars.get(&self.calls).map_or(Ok(None), calls_in) }
    }
}

/// The calls that an answer makes: prose, or an object without calls, is an answer that called nothing.
/// Errors on text that begins like JSON and is none: what it would have called is not known.
fn calls_of_answer(answer: &Value) -> Result<Option<Vec<Call>>, String> {
    match answer {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            let answer = serde_json::from_str(text).map_err(|error| format!("the answer begins like JSON and cannot be read: {error}"))?;
            calls_of_answer(&answer)
        }
        Value::Object(fields) if lists_of(fields).next().is_some() || is_call(answer) => calls_in(answer),
        Value::Array(_) => calls_in(answer),
        Value::Null => Ok(None),
        _ => Ok(Some(Vec::new())),
    }
}

/// Calls in the forms of OpenAI, Anthropic and DeepEval, or plainly as `{name, arguments}`, or names alone; nothing where nothing is recorded.
/// Errors on an item that is no call: left out, it would make two lists alike that are not.
fn calls_in(recorded: &Value) -> Result<Option<Vec<Call>>, String> {
    let unread = || format!("no calls can be read in {}", js::json(recorded).chars().take(80).collect::<String>());
    match recorded {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => calls_in(&serde_json::from_str(text).map_err(|_| unread())?),
        Value::Array(items) => items.iter().filter_map(|item| call_of(item).transpose()).collect::<Result<_, _>>().map(Some),
        Value::Object(fields) => match lists_of(fields).next() {
            Some(calls) => Ok(Some(calls_in(calls)?.unwrap_or_default())),
            // A message that has its words alone called nothing.
            None if fields.contains_key("content") && !is_call(recorded) => Ok(Some(Vec::new())),
            None => call_of(recorded)?.map(|call| Some(vec![call])).ok_or_else(unread),
        },
        Value::Bool(_) | Value::Number(_) => Err(unread()),
    }
}

/// Where a message holds its calls: OpenAI's two keys, Anthropic's content in parts.
fn lists_of(fields: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let parts = fields.get("content").filter(|parts| parts.as_array().is_some_and(|parts| parts.iter().any(|part| part["type"] == "tool_use")));
    [fields.get("tool_calls"), fields.get("function_call"), parts].into_iter().flatten()
}

/// Whether an object by itself is a call: it has a name and arguments, or is wrapped as OpenAI's.
fn is_call(object: &Value) -> bool {
    let call = object.get("function").filter(|function| function.is_object()).unwrap_or(object);
    let has = |keys: &[&str]| keys.iter().any(|key| call.get(*key).is_some_and(|value| !value.is_null()));
    NAME_KEYS.iter().any(|key| call.get(*key).is_some_and(Value::is_string)) && (has(&ARGUMENT_KEYS) || object.get("function").is_some())
}

/// Keys of a call's name, and of its arguments, in the order in which they are looked for.
const NAME_KEYS: [&str; 3] = ["name", "tool_name", "tool"];
const ARGUMENT_KEYS: [&str; 6] = ["arguments", "args", "input_parameters", "inputParameters", "parameters", "input"];

/// One call; nothing for the parts of a message that are none, such as its text.
fn call_of(item: &Value) -> Result<Option<Call>, String> {
    if let Value::String(name) = item {
        return Ok(Some(Call { name: name.clone(), arguments: Vec::new() }));
    }
    let call = item.get("function").filter(|function| function.is_object()).unwrap_or(item);
    let first = |keys: &[&str]| keys.iter().find_map(|key| call.get(*key).filter(|value| !value.is_null()));
    match first(&NAME_KEYS).and_then(Value::as_str) {
        Some(name) => Ok(Some(Call { name: name.to_owned(), arguments: arguments_of(first(&ARGUMENT_KEYS)) })),
        None if item.get("type").is_some_and(Value::is_string) => Ok(None),
        None => Err(format!("a call needs a name, and this has none: {}", js::json(item))),
    }
}

/// Arguments with canonical values, sorted by key; what is no mapping is one argument without a name.
fn arguments_of(arguments: Option<&Value>) -> Vec<(String, String)> {
    match arguments {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(fields)) => {
            let arguments: BTreeMap<String, String> = fields.iter().map(|(key, value)| (key.clone(), js::json(&sorted(value)))).collect();
            arguments.into_iter().collect()
        }
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(value) => arguments_of(Some(&value)),
            Err(_) => vec![(String::new(), text.clone())],
        },
        Some(value) => vec![(String::new(), js::json(&sorted(value)))],
    }
}

/// The same value with the keys of its mappings in order, at every depth.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}
