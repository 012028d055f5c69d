//! The agent called the right tools, in the right order, and not in circles.

use std::collections::BTreeMap;

use measure::agents::{Call, Order, ToolMatch, follows, repeated_calls, repeated_cycles, stagnation, tool_match, trajectory_similarity};
use serde_json::Value;

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
    /// The names follow what is expected.
    Follows(Order),
    /// How like the sequence of names is.
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
        format!("{name} multiset, optimal assignment, arguments:{:?}", self.arguments).to_lowercase()
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
        let (precision, recall, f1) = tool_match(&called, &expected, self.arguments);
        let reason = format!("called {:?}, expected {:?}", names(&called), names(&expected));
        Ok(match self.rule {
            Rule::Precision => Verdict::value(precision, reason),
            Rule::Recall => Verdict::value(recall, reason),
            Rule::Similarity => Verdict::value(trajectory_similarity(&names(&called), &names(&expected)), reason),
            Rule::Follows(order) => Verdict::pass(follows(&names(&called), &names(&expected), order), || reason),
            _ => Verdict::value(f1, reason),
        })
    }

    fn called(&self, subject: &Subject<'_>) -> Result<Option<Vec<Call>>, String> {
        if let Some(spans) = subject.spans {
            let tools = steps(spans).into_iter().filter(|step| step.kind == "tool");
            return Ok(Some(tools.map(|step| Call { name: step.name, arguments: arguments_of(step.args.as_ref()) }).collect()));
        }
        if self.calls == OUTPUT { calls_in(subject.value) } else { subject.vars.get(&self.calls).map_or(Ok(None), calls_in) }
    }
}

/// Calls in the forms of OpenAI, Anthropic and DeepEval, or plainly as `{name, arguments}`, or names alone; nothing where there is no list of them.
/// Errors on an item that is no call: left out, it would make two lists alike that are not.
fn calls_in(value: &Value) -> Result<Option<Vec<Call>>, String> {
    match value {
        Value::String(text) => serde_json::from_str::<Value>(text).map_or(Ok(None), |value| calls_in(&value)),
        Value::Object(fields) => fields.get("tool_calls").map_or(Ok(None), calls_in),
        Value::Array(items) => items.iter().filter_map(|item| call_of(item).transpose()).collect::<Result<_, _>>().map(Some),
        _ => Ok(None),
    }
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
