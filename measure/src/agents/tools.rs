//! Called tools against expected ones.

use crate::agents::assignment::best_sum;
use crate::text::ngrams::f1;

/// A call of a tool: its name, and its arguments as pairs of key and canonical value, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Name of the tool.
    pub name: String,
    /// Arguments, sorted by key.
    pub arguments: Vec<(String, String)>,
}

/// How much arguments count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolMatch {
    /// Name and arguments are the same, or the pair is worth nothing.
    Exact,
    /// The share of equal top-level arguments over the union of keys; a wrong name is worth nothing.
    Partial,
    /// The name alone counts.
    Ignore,
}

/// Precision, recall and F1 of tool calls as multisets, under the best pairing of called with expected ones.
///
/// Fifty needless calls lower precision, a repeated call counts each time. Both lists empty is 1 for all three.
/// Where peers differ: ragas compares sets, deepeval recall alone and greedily.
pub fn tool_match(called: &[Call], expected: &[Call], rule: ToolMatch) -> (f64, f64, f64) {
    if called.is_empty() && expected.is_empty() {
        return (1.0, 1.0, 1.0);
    }
    let scores: Vec<Vec<f64>> = called.iter().map(|called| expected.iter().map(|expected| worth(called, expected, rule)).collect()).collect();
    let matched = best_sum(&scores);
    let share = |n: usize| if n == 0 { 0.0 } else { matched / n as f64 };
    let (precision, recall) = (share(called.len()), share(expected.len()));
    (precision, recall, f1(precision, recall))
}

fn worth(called: &Call, expected: &Call, rule: ToolMatch) -> f64 {
    if called.name != expected.name {
        return 0.0;
    }
    match rule {
        ToolMatch::Ignore => 1.0,
        ToolMatch::Exact if called.arguments == expected.arguments => 1.0,
        ToolMatch::Exact => 0.0,
        ToolMatch::Partial => {
            let equal = called.arguments.iter().filter(|argument| expected.arguments.contains(argument)).count();
            let in_both = called.arguments.iter().filter(|(key, _)| expected.arguments.iter().any(|(other, _)| other == key)).count();
            let union = called.arguments.len() + expected.arguments.len() - in_both;
            if union == 0 { 1.0 } else { equal as f64 / union as f64 }
        }
    }
}

/// Whether a call is the expected one: by name alone, with all expected arguments among its own (`Partial`), or with just those (`Exact`).
pub fn is_met(called: &Call, expected: &Call, rule: ToolMatch) -> bool {
    called.name == expected.name
        && match rule {
            ToolMatch::Exact => called.arguments == expected.arguments,
            ToolMatch::Partial => expected.arguments.iter().all(|argument| called.arguments.contains(argument)),
            ToolMatch::Ignore => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &[(&str, &str)]) -> Call {
        Call { name: name.to_owned(), arguments: arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect() }
    }

    #[test]
    fn calls_are_multisets() {
        let search = call("search", &[("q", "a")]);
        let (precision, recall, f1) = tool_match(&[search.clone(), search.clone()], std::slice::from_ref(&search), ToolMatch::Exact);
        assert_eq!((precision, recall), (0.5, 1.0));
        assert!((f1 - 2.0 / 3.0).abs() < 1e-12);
    }

    /// Taking the first fitting pair would give 0.5 of 2.
    #[test]
    fn the_best_pairing_counts() {
        let called = [call("f", &[("a", "1"), ("b", "2")]), call("f", &[("a", "1"), ("b", "3")])];
        let expected = [call("f", &[("a", "1"), ("b", "3")]), call("f", &[("a", "1"), ("b", "2")])];
        assert_eq!(tool_match(&called, &expected, ToolMatch::Partial).2, 1.0);
        assert_eq!(tool_match(&called[..1], &expected[..1], ToolMatch::Partial).0, 0.5);
        assert_eq!(tool_match(&[], &expected, ToolMatch::Ignore), (0.0, 0.0, 0.0));
    }

    #[test]
    fn a_call_may_have_more_arguments_than_are_expected() {
        let (called, expected) = (call("f", &[("a", "1"), ("b", "2")]), call("f", &[("a", "1")]));
        let met =
            |called: &Call, expected: &Call| [ToolMatch::Exact, ToolMatch::Partial, ToolMatch::Ignore].map(|rule| is_met(called, expected, rule));
        assert_eq!(met(&called, &expected), [false, true, true]);
        assert_eq!(met(&expected, &called), [false, false, true]);
        assert_eq!(met(&called, &called), [true, true, true]);
        assert_eq!(met(&called, &call("g", &[])), [false, false, false]);
    }
}
