//! Agents that go round in circles.

use std::collections::{BTreeSet, HashMap};

use crate::agents::Call;

/// Share of words that two calls have in common from which on they hardly differ.
pub const STAGNANT_JACCARD: f64 = 0.85;

/// The largest number of times that one tool was called with the same arguments; from 3 on it is usually read as a loop.
pub fn repeated_calls(calls: &[Call]) -> usize {
    let mut counts = HashMap::new();
    for call in calls {
        *counts.entry((&call.name, &call.arguments)).or_insert(0_usize) += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

/// The largest number of times that one round of two or more calls was gone through back to back: a cycle in the graph whose nodes are calls
/// (tool and arguments) and whose edges lead from each to the next. 1 where nothing came round again, 0 without a call; from 2 on the agent goes
/// in a circle. One call over and over is no cycle but a repetition, see [`repeated_calls`].
///
/// Time is `O(n²)` in the number of calls.
pub fn repeated_cycles(calls: &[Call]) -> usize {
    let mut most = usize::from(!calls.is_empty());
    for period in 2..=calls.len() / 2 {
        // Calls in a row that are the same as the one a period before.
        let mut run = 0;
        for at in period..calls.len() {
            run = if calls[at] == calls[at - period] { run + 1 } else { 0 };
            let is_one_call = || calls[at + 1 - period..=at].iter().all(|call| *call == calls[at]);
            if run / period + 1 > most && !is_one_call() {
                most = run / period + 1;
            }
        }
    }
    most
}

/// The longest run of calls of which each hardly differs from the one before: the words of tool and arguments have a Jaccard similarity of
/// [`STAGNANT_JACCARD`] or more. 1 where every call is another, 0 without a call; from 3 on the agent is usually read as stuck.
pub fn stagnation(calls: &[Call]) -> usize {
    let words: Vec<BTreeSet<&str>> = calls.iter().map(words_of).collect();
    let (mut run, mut most) = (1, usize::from(!calls.is_empty()));
    for pair in words.windows(2) {
        run = if jaccard(&pair[0], &pair[1]) >= STAGNANT_JACCARD { run + 1 } else { 1 };
        most = most.max(run);
    }
    most
}

fn words_of(call: &Call) -> BTreeSet<&str> {
    let texts = call.arguments.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    let words = texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).filter(|word| !word.is_empty());
    words.chain(std::iter::once(call.name.as_str())).collect()
}

fn jaccard(a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> f64 {
    let union = a.union(b).count();
    if union == 0 { 1.0 } else { a.intersection(b).count() as f64 / union as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(names: &[&str]) -> Vec<Call> {
        names.iter().map(|name| Call { name: (*name).to_owned(), arguments: Vec::new() }).collect()
    }

    #[test]
    fn rounds_are_counted_back_to_back() {
        assert_eq!(repeated_cycles(&calls(&["a", "b", "a", "b", "a", "b", "c"])), 3);
        assert_eq!(repeated_cycles(&calls(&["x", "a", "b", "c", "a", "b", "c"])), 2);
        assert_eq!(repeated_cycles(&calls(&["a", "b", "c", "a"])), 1);
        assert_eq!((repeated_cycles(&[]), repeated_cycles(&calls(&["a", "b"]))), (0, 1));
        // The same call over and over is told by `repeated_calls`.
        assert_eq!((repeated_cycles(&calls(&["a"; 6])), repeated_calls(&calls(&["a"; 6]))), (1, 6));
        // Six of them and then a round that holds them twice is a cycle all the same.
        assert_eq!(repeated_cycles(&calls(&["a", "a", "b", "a", "a", "b"])), 2);
    }

    #[test]
    fn calls_that_hardly_differ_are_stagnation() {
        let search = |text: &str| Call { name: "search".to_owned(), arguments: vec![("q".to_owned(), text.to_owned())] };
        let same = "ferry from Turku to Stockholm with a car on Monday in the morning cheap please now";
        let stuck = [search(same), search(&format!("{same} thanks")), search(&format!("{same} really"))];
        assert_eq!(stagnation(&stuck), 3);
        assert_eq!(stagnation(&[search("ferry to Turku"), search("hotel in Turku"), search("weather")]), 1);
        assert_eq!(stagnation(&[]), 0);
    }
}
