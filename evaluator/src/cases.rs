//! The cases of a suite with their checks: rows of a dataset, or promptfoo's tests.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::chat::Connector;
use crate::checks::{AssertSet, Context, Node, borrowed, is_borrowed, parse};
use crate::config::EvaluatorConfig;
use crate::dataset::{Dataset, Source, hex};
use crate::error::Error;
use crate::files::Files;
use crate::promptfoo::{Test, assertion, expand, graded, read_tests, unknown_kind};
use crate::spec::{CheckSpec, SuiteSpec, TestSpec};
use crate::template::Env;

/// How one case is asked and checked.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub test: Arc<Test>,
    pub nodes: Arc<Vec<Node>>,
}

/// Cases, and the plan of each.
#[derive(Debug)]
pub(crate) struct Cases {
    pub dataset: Dataset,
    pub plans: Vec<Plan>,
}

/// What checks are made with.
struct Maker<'a> {
    dataset: &'a Dataset,
    files: &'a Files,
    connector: &'a Connector,
    env: Env<'a>,
    /// Whether a kind that does not exist is refused at once, or an error of its cases.
    refuse_unknown: bool,
}

impl Cases {
    /// Reads the cases that a suite names; `selected` are those of a SELECT, where somebody has asked for them.
    pub(crate) fn read(
        spec: &SuiteSpec,
        selected: Option<Dataset>,
        default: &TestSpec,
        files: &Files,
        connector: &Connector,
        config: &EvaluatorConfig,
        env: Env<'_>,
    ) -> Result<Self, Error> {
        match &spec.dataset {
            Some(cases) if spec.tests.0.is_empty() && spec.scenarios.is_empty() => {
                let dataset = match cases.source()? {
                    Source::File(file) => Dataset::read(&files.find("dataset", file)?, config.dataset_bytes_max)?,
                    Source::Select(_) => selected.unwrap_or_else(Dataset::unseen),
                };
                let dataset = cases.pick(dataset)?;
                let maker = Maker { dataset: &dataset, files, connector, env, refuse_unknown: true };
                let defaults = graded(&default.assert, &default.options);
                let places = defaults.iter().enumerate().map(|(index, check)| (format!("defaultTest.assert[{index}]"), check));
                let own = spec.checks.iter().enumerate().map(|(index, check)| (format!("checks[{index}]"), check));
                let nodes = maker.nodes(places.chain(own))?;
                if nodes.is_empty() {
                    return Err(Error::config("there is nothing to check: add `checks`"));
                }
                let plan = Plan { test: Arc::new(whole(default)?), nodes: Arc::new(nodes) };
                let plans = vec![plan; dataset.cases.len()];
                Ok(Self { dataset, plans })
            }
            Some(_) => Err(Error::config("write `dataset` (karat's form) or `tests` and `scenarios` (promptfoo's), not both")),
            None => Self::of_tests(spec, default, files, connector, env),
        }
    }

    fn of_tests(spec: &SuiteSpec, default: &TestSpec, files: &Files, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        let tests = read_tests(&spec.tests, files)?;
        let scenarios =
            spec.scenarios.iter().map(|scenario| Ok((scenario.clone(), read_tests(&scenario.tests, files)?))).collect::<Result<Vec<_>, Error>>()?;
        if tests.is_empty() && scenarios.is_empty() && spec.checks.is_empty() && default.assert.is_empty() {
            return Err(Error::config("there is no case: add `dataset`, or `tests` in promptfoo's form"));
        }
        let expanded = expand(default, &tests, &scenarios, files)?;
        let rows = expanded.cases.iter().map(|(vars, _)| vars.clone()).collect::<Vec<_>>();
        let text = serde_json::to_string(&rows)?;
        let dataset = Dataset::of(rows, hex(&Sha256::digest(text)));
        let maker = Maker { dataset: &dataset, files, connector, env, refuse_unknown: false };
        // They are the same for every test, and made once.
        let own = maker.nodes(spec.checks.iter().enumerate().map(|(index, check)| (format!("checks[{index}]"), check)))?;
        let mut made: HashMap<usize, Arc<Vec<Node>>> = HashMap::new();
        let mut plans = Vec::with_capacity(expanded.cases.len());
        for (_, test) in expanded.cases {
            if let Some(nodes) = made.get(&test.index) {
                plans.push(Plan { test, nodes: nodes.clone() });
                continue;
            }
            let places = test.asserts.iter().enumerate().map(|(index, check)| (format!("tests[{}].assert[{index}]", test.index), check));
            let mut nodes = maker.nodes(places)?;
            let n_asserts = nodes.len();
            nodes.extend(own.iter().enumerate().map(|(index, node)| node.clone().named(format!("a{}", n_asserts + index))));
            let nodes = Arc::new(nodes);
            made.insert(test.index, nodes.clone());
            plans.push(Plan { test, nodes });
        }
        Ok(Self { dataset, plans })
    }
}

/// The default test of a suite over rows: it has no variables and no place of its own.
fn whole(default: &TestSpec) -> Result<Test, Error> {
    let files = Files::beside(std::path::Path::new(""));
    let expanded = expand(&TestSpec { vars: None, assert: Vec::new(), threshold: None, ..default.clone() }, &[], &[], &files)?;
    let test = expanded.cases.into_iter().next().map(|(_, test)| (*test).clone()).unwrap_or_default();
    Ok(Test { threshold: default.threshold, ..test })
}

impl Maker<'_> {
    fn nodes<'s>(&self, specs: impl Iterator<Item = (String, &'s CheckSpec)>) -> Result<Vec<Node>, Error> {
        specs.enumerate().map(|(index, (place, spec))| self.node(spec, format!("a{index}"), place)).collect()
    }

    fn node(&self, spec: &CheckSpec, id: String, place: String) -> Result<Node, Error> {
        if spec.kind.as_deref() != Some("assert-set") {
            return self.leaf(spec, id, place).map(|assertion| Node::One(Box::new(assertion)));
        }
        let member = |(index, spec): (usize, &CheckSpec)| self.leaf(spec, format!("{id}.{index}"), format!("{place}.assert[{index}]"));
        let asserts = spec.assert.iter().enumerate().map(member).collect::<Result<_, _>>()?;
        let (metric, weight, threshold) = (spec.metric.clone(), spec.weight.unwrap_or(1.0), spec.threshold);
        Ok(Node::Set(AssertSet { id, metric, weight, threshold, asserts }))
    }

    fn leaf(&self, spec: &CheckSpec, id: String, place: String) -> Result<crate::checks::Assertion, Error> {
        let context = Context { dataset: self.dataset, files: self.files, env: self.env, connector: self.connector, place };
        match (&spec.kind, &spec.check) {
            (Some(kind), None) => match unknown_kind(kind).filter(|_| self.refuse_unknown) {
                Some(message) => Err(context.error(&message)),
                None => Ok(assertion(spec, id, &context)),
            },
            (None, Some(name)) if is_borrowed(name) => borrowed(name, spec, id, &context),
            _ => parse(spec, id, &context),
        }
    }
}
