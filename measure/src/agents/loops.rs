//! Agents that go round in circles.

use std::collections::HashMap;

use crate::agents::Call;

/// The largest number of times that one tool was called with the same arguments; from 3 on it is usually read as a loop.
pub fn repeated_calls(calls: &[Call]) -> usize {
    let mut counts = HashMap::new();
    for call in calls {
        *counts.entry((&call.name, &call.arguments)).or_insert(0_usize) += 1;
    }
    counts.into_values().max().unwrap_or(0)
}
