//! The agent called the right tools, in the right order, and not in circles.

use measure::agents::{Call, Order, ToolMatch, follows, repeated_calls, tool_match, trajectory_similarity};
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
    /// How many calls there were.
    Count,
}

impl Rule {
    /// Every rule, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Rule); 9] = [
        ("tool_precision", Rule::Precision),
        ("tool_recall", Rule::Recall),
        ("tool_f1", Rule::F1),
        ("trajectory_exact", Rule::Follows(Order::Exact)),
        ("trajectory_in_order", Rule::Follows(Order::InOrder)),
        ("trajectory_any_order", Rule::Follows(Order::AnyOrder)),
        ("trajectory_similarity", Rule::Similarity),
        ("tool_repeats", Rule::Repeats),
        ("tool_calls", Rule::Count),
    ];

    /// The rule that a suite names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }

    /// Whether the rule compares with expected calls.
    pub(crate) fn needs_expected(self) -> bool {
        !matches!(self, Rule::Repeats | Rule::Count)
    }
}

impl Tools {
    /// What the values are.
    pub(crate) fn scale(&self) -> Scale {
        match self.rule {
            Rule::Follows(_) => Scale::Rate,
            Rule::Repeats | Rule::Count => Scale::Unbounded,
            _ => Scale::Score,
        }
    }

    pub(crate) fn signature(&self) -> String {
        let name = Rule::NAMES.iter().find(|(_, rule)| *rule == self.rule).map_or("", |(name, _)| name);
        format!("{name} multiset, optimal assignment, arguments:{:?}", self.arguments).to_lowercase()
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(called) = self.called(subject) else { return Verdict::not_applicable("it is not known which tools were called") };
        if !self.rule.needs_expected() {
            let value = if self.rule == Rule::Count { called.len() } else { repeated_calls(&called) };
            return Verdict::value(value as f64, String::new());
        }
        let Some(expected) = self.expected.as_ref().and_then(|column| calls_in(subject.vars.get(column)?)) else {
            return Verdict::not_applicable("no tools are expected of this case");
        };
        let names = |calls: &[Call]| calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>();
        let (precision, recall, f1) = tool_match(&called, &expected, self.arguments);
        let reason = format!("called {:?}, expected {:?}", names(&called), names(&expected));
        match self.rule {
            Rule::Precision => Verdict::value(precision, reason),
            Rule::Recall => Verdict::value(recall, reason),
            Rule::F1 => Verdict::value(f1, reason),
            Rule::Similarity => Verdict::value(trajectory_similarity(&names(&called), &names(&expected)), reason),
            Rule::Follows(order) => Verdict::pass(follows(&names(&called), &names(&expected), order), || reason),
            Rule::Repeats | Rule::Count => Verdict::not_applicable("nothing is compared"),
        }
    }

    fn called(&self, subject: &Subject<'_>) -> Option<Vec<Call>> {
        if let Some(spans) = subject.spans {
            let tools = steps(spans).into_iter().filter(|step| step.kind == "tool");
            return Some(tools.map(|step| Call { name: step.name, arguments: arguments_of(step.args.as_ref()) }).collect());
        }
        if self.calls == OUTPUT { calls_in(subject.value) } else { calls_in(subject.vars.get(&self.calls)?) }
    }
}

/// Calls in the forms of OpenAI and Anthropic, or plainly as `{name, arguments}`, or names alone; nothing where there is no list of them.
fn calls_in(value: &Value) -> Option<Vec<Call>> {
    match value {
        Value::String(text) => calls_in(&serde_json::from_str::<Value>(text).ok()?),
        Value::Object(fields) => calls_in(fields.get("tool_calls")?),
        Value::Array(items) => Some(items.iter().filter_map(call_of).collect()),
        _ => None,
    }
}

fn call_of(item: &Value) -> Option<Call> {
    if let Value::String(name) = item {
        return Some(Call { name: name.clone(), arguments: Vec::new() });
    }
    let call = item.get("function").filter(|function| function.is_object()).unwrap_or(item);
    let arguments = ["arguments", "args", "input"].iter().find_map(|key| call.get(*key));
    Some(Call { name: call.get("name")?.as_str()?.to_owned(), arguments: arguments_of(arguments) })
}

/// Arguments with canonical values, sorted by key.
fn arguments_of(arguments: Option<&Value>) -> Vec<(String, String)> {
    match arguments {
        Some(Value::String(text)) => serde_json::from_str::<Value>(text).map_or_else(|_| Vec::new(), |value| arguments_of(Some(&value))),
        Some(Value::Object(fields)) => fields.iter().map(|(key, value)| (key.clone(), js::json(value))).collect(),
        _ => Vec::new(),
    }
}
