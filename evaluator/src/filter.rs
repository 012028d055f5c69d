//! A part of a suite's cases, for somebody who works on a few of them.

use std::collections::BTreeSet;
use std::ops::Range;

use regress::Regex;
use serde_json::Value;

use crate::dataset::Case;
use crate::error::Error;
use crate::keys::unknown;
use crate::metrics::metrics;
use crate::promptfoo::Test;
use crate::report::{CaseOutcome, Report};
use crate::spec::GateSpec;
use crate::suite::Suite;
use crate::template::show;

/// Which cases are run, and how often, instead of what the suite says. promptfoo's tests are counted and described as tests; a row is a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// How often each case is answered.
    pub repeat: Option<u32>,
    /// Only cases that have this value (or a list with it) in this column, or in their test's metadata; all of these must hold.
    pub metadata: Vec<(String, String)>,
    /// Only the cases of these ids.
    pub ids: Option<BTreeSet<String>>,
    /// Only cases whose id or description this regular expression of JavaScript's finds.
    pub pattern: Option<String>,
    /// Only these of the tests that are left, by their places from 0.
    pub range: Option<Range<usize>>,
    /// Only so many of the tests that are left.
    pub first: Option<usize>,
}

impl Part {
    /// Says which flags leave out cases; nothing where none does.
    fn flags(&self) -> Option<String> {
        let metadata = self.metadata.iter().map(|(key, value)| format!("--filter-metadata {key}={value}"));
        let ids = self.ids.iter().map(|_| "--filter-failing".to_owned());
        let pattern = self.pattern.iter().map(|pattern| format!("--filter-pattern {pattern}"));
        let range = self.range.iter().map(|range| format!("--filter-range {}:{}", range.start, range.end));
        let first = self.first.iter().map(|first| format!("--filter-first-n {first}"));
        let flags: Vec<String> = metadata.chain(ids).chain(pattern).chain(range).chain(first).collect();
        (!flags.is_empty()).then(|| flags.join(" "))
    }
}

impl Report {
    /// The ids of the cases that failed or could not be judged, in any of their repeats.
    pub fn failing(&self) -> BTreeSet<String> {
        let fails = |outcome: CaseOutcome| matches!(outcome, CaseOutcome::Fail | CaseOutcome::Error);
        self.cases.iter().filter(|case| fails(case.outcome)).map(|case| case.id.clone()).collect()
    }
}

impl Suite {
    /// Leaves out the cases that are not of the part, here and in the baseline: they are neither gone nor new.
    pub(crate) fn keep_only(&mut self, part: &Part) -> Result<(), Error> {
        let Some(flags) = part.flags() else { return Ok(()) };
        let kept = self.kept_by(part, &flags)?;
        let mut place = 0..;
        let mut is_kept = || place.next().is_some_and(|place: usize| kept.contains(&place));
        let (cases, left_out): (Vec<Case>, Vec<Case>) = std::mem::take(&mut self.dataset.cases).into_iter().partition(|_| is_kept());
        let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        self.left_out = left_out.into_iter().map(|case| case.id).filter(|id| !ids.contains(id.as_str())).collect();
        self.dataset.duplicates.retain(|id| ids.contains(id.as_str()));
        self.part = Some(format!("{} left out by {flags}", self.plans.len() - cases.len()));
        self.dataset.cases = cases;
        let plans = std::mem::take(&mut self.plans).into_iter().enumerate();
        self.plans = plans.filter(|(place, _)| kept.contains(place)).map(|(_, plan)| plan).collect();
        let asked: BTreeSet<String> = metrics(&self.dataset, &self.plans, &GateSpec::default())?.into_iter().map(|metric| metric.name).collect();
        self.metrics.retain(|metric| asked.contains(metric.spec.attempts().map_or(&metric.name, |attempts| &attempts.of)));
        if let Some(baseline) = self.baseline.take() {
            self.compare_with(&baseline.path, baseline.report);
        }
        Ok(())
    }

    /// The places of the cases that are kept.
    fn kept_by(&self, part: &Part, flags: &str) -> Result<BTreeSet<usize>, Error> {
        self.expect_known(&part.metadata)?;
        let pattern = part.pattern.as_ref().map(|text| Regex::new(text)).transpose();
        let pattern = pattern.map_err(|error| Error::config(format!("--filter-pattern: this is no regular expression: {error}")))?;
        let is_meant = |place: &usize| {
            let (case, test) = (&self.dataset.cases[*place], &self.plans[*place].test);
            let has_id = part.ids.as_ref().is_none_or(|ids| ids.contains(&case.id));
            let is_found =
                |pattern: &Regex| [Some(&case.id), test.description.as_ref()].into_iter().flatten().any(|text| pattern.find(text).is_some());
            has_id && part.metadata.iter().all(|(key, value)| has(case, test, key, value)) && pattern.as_ref().is_none_or(is_found)
        };
        let places: Vec<usize> = (0..self.plans.len()).filter(is_meant).collect();
        let of_one_test = |a: &usize, b: &usize| self.has_tests && self.plans[*a].test.index == self.plans[*b].test.index;
        let Range { start, end } = part.range.clone().unwrap_or(0..usize::MAX);
        let tests = places.chunk_by(of_one_test).take(end).skip(start).take(part.first.unwrap_or(usize::MAX));
        let kept: BTreeSet<usize> = tests.flatten().copied().collect();
        if kept.is_empty() {
            return Err(Error::config(format!("no case is left by {flags}; there are {}", self.plans.len())));
        }
        Ok(kept)
    }

    /// Refuses a key that no case has.
    fn expect_known(&self, metadata: &[(String, String)]) -> Result<(), Error> {
        let of_tests = self.plans.iter().filter_map(|plan| plan.test.metadata.as_object()).flat_map(|metadata| metadata.keys());
        let known: BTreeSet<&str> = self.dataset.columns.iter().chain(of_tests).map(String::as_str).collect();
        match metadata.iter().find(|(key, _)| !known.contains(key.as_str())) {
            Some((key, _)) => Err(Error::config(format!("--filter-metadata: {}", unknown("key", key, &known.into_iter().collect::<Vec<_>>())))),
            None => Ok(()),
        }
    }
}

/// Whether a case has the value in its test's metadata, else in its columns: the value itself, or a list with it.
fn has(case: &Case, test: &Test, key: &str, wanted: &str) -> bool {
    match test.metadata.get(key).or_else(|| case.vars.get(key)) {
        Some(Value::Array(items)) => items.iter().any(|item| show(item) == wanted),
        Some(value) => show(value) == wanted,
        None => false,
    }
}
