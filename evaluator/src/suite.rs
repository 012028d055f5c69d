//! A suite: its file read, its names resolved, its mistakes found before anything runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::baseline::Baseline;
use crate::chat::Connector;
use crate::checks::{Assertion, Check, Context, Scale, parse};
use crate::config::EvaluatorConfig;
use crate::dataset::{Dataset, hex};
use crate::error::Error;
use crate::files::Files;
use crate::keys::{explain, unknown};
use crate::spec::{Better, BudgetSpec, GateSpec, MetricSpec, ModelSpec, ProviderSpec, SuiteSpec, TextOr};
use crate::target::Target;
use crate::template::{Env, Template};

pub use crate::run::{Options, run};

/// A suite, ready to run.
#[derive(Debug)]
pub struct Suite {
    /// Path of the file, as it was given.
    pub path: PathBuf,
    /// What the suite is about.
    pub description: Option<String>,
    /// The cases.
    pub dataset: Dataset,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) repeat: u32,
    pub(crate) cluster: Option<String>,
    pub(crate) slices: Vec<String>,
    pub(crate) assertions: Vec<Assertion>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) gate: GateSpec,
    pub(crate) budget: Option<BudgetSpec>,
    pub(crate) baseline: Option<Baseline>,
    /// Where the suite's baseline file is, or would be.
    pub(crate) baseline_path: Option<PathBuf>,
    pub(crate) hash: String,
}

/// A prompt template.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// Its label, file or text; what reports show.
    pub label: String,
    pub template: Template,
    pub hash: String,
}

/// Where answers come from, with what reports call it.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub label: String,
    pub target: Target,
}

/// What checks of one name count for together.
#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub name: String,
    pub scale: Scale,
    pub better: Better,
    pub spec: MetricSpec,
}

/// What a suite is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compare {
    /// With the baseline that the suite names.
    #[default]
    Suite,
    /// With this report.
    File(PathBuf),
    /// With nothing.
    Nothing,
}

/// Reads a suite and everything that it names, and refuses what cannot run.
pub fn load(path: &Path, compare: &Compare, config: &EvaluatorConfig, env: Env<'_>) -> Result<Suite, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let shown = path.display();
    let spec: SuiteSpec = serde_yaml_ng::from_str(&text).map_err(|error| Error::config(format!("{shown}: {}", explain(&error))))?;
    let in_suite = |error: Error| match error {
        Error::Config { message } => Error::config(format!("{shown}: {message}")),
        other => other,
    };
    resolve(path, &text, spec, compare, config, env).map_err(in_suite)
}

fn resolve(path: &Path, text: &str, spec: SuiteSpec, compare: &Compare, config: &EvaluatorConfig, env: Env<'_>) -> Result<Suite, Error> {
    let files = Files::beside(path);
    let dataset = Dataset::read(&files.find("dataset", &spec.dataset)?, config.dataset_bytes_max)?;
    let connector = Connector::new(config.clone())?;
    for (key, column) in spec.cluster.iter().map(|column| ("cluster", column)).chain(spec.slices.iter().map(|column| ("slices", column))) {
        dataset.expect_column(key, column)?;
    }
    if !(1..=100).contains(&spec.repeat) {
        return Err(Error::config("repeat is a number from 1 to 100"));
    }
    let providers = providers(&spec.providers, &dataset, &connector, env)?;
    let prompts = spec.prompts.iter().map(|prompt| read_prompt(prompt, &dataset, &files, env)).collect::<Result<Vec<_>, _>>()?;
    if prompts.is_empty() && providers.iter().any(|provider| provider.target.needs_prompt()) {
        return Err(Error::config("a provider that is asked needs `prompts`"));
    }
    let assertions = assertions(&spec, &dataset, &files, &connector, env)?;
    let metrics = metrics(&assertions, &spec.gate)?;
    check_gate(&spec.gate, &spec.slices)?;
    let (baseline, baseline_path) = baseline(&spec, compare, &files)?;
    if spec.budget.is_some_and(|budget| budget.usd.is_some()) && !any_price(&spec) {
        return Err(Error::config("budget: dollars are only known where a provider's or judge's config holds `price: {input, output}`"));
    }
    Ok(Suite {
        path: path.to_owned(),
        description: spec.description,
        dataset,
        prompts,
        providers,
        repeat: spec.repeat,
        cluster: spec.cluster,
        slices: spec.slices,
        assertions,
        metrics,
        gate: spec.gate,
        budget: spec.budget,
        baseline,
        baseline_path,
        hash: hex(&Sha256::digest(text))[..16].to_owned(),
    })
}

fn providers(specs: &[TextOr<ProviderSpec>], dataset: &Dataset, connector: &Connector, env: Env<'_>) -> Result<Vec<Provider>, Error> {
    if specs.is_empty() {
        return Err(Error::config("providers is empty; name one, such as dataset:answer"));
    }
    let read = |spec: &TextOr<ProviderSpec>| {
        let (id, label, settings) = match spec {
            TextOr::Text(id) => (id, None, ModelSpec::default()),
            TextOr::Map(spec) => (&spec.id, spec.label.clone(), spec.config.clone()),
        };
        let target = Target::parse(id, &settings, dataset, connector, env)?;
        Ok(Provider { label: label.unwrap_or_else(|| id.clone()), target })
    };
    specs.iter().map(read).collect()
}

fn read_prompt(spec: &TextOr<crate::spec::PromptSpec>, dataset: &Dataset, files: &Files, env: Env<'_>) -> Result<Prompt, Error> {
    let (raw, label) = match spec {
        TextOr::Text(raw) => (raw, None),
        TextOr::Map(spec) => (&spec.raw, spec.label.clone()),
    };
    let (text, name) = match raw.strip_prefix("file://") {
        Some(file) => (files.read("prompts", file)?, file.to_owned()),
        None => (raw.clone(), raw.chars().take(80).collect()),
    };
    // promptfoo cuts one trailing newline from what it reads out of files.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let template = Template::parse(text, env)?;
    for column in template.variables() {
        dataset.expect_column(&format!("prompt {name:?}"), column)?;
    }
    Ok(Prompt { label: label.unwrap_or(name), template, hash: hex(&Sha256::digest(text))[..16].to_owned() })
}

fn assertions(spec: &SuiteSpec, dataset: &Dataset, files: &Files, connector: &Connector, env: Env<'_>) -> Result<Vec<Assertion>, Error> {
    let defaults = spec.default_test.assert.iter().enumerate().map(|(index, check)| (format!("defaultTest.assert[{index}]"), check));
    let own = spec.checks.iter().enumerate().map(|(index, check)| (format!("checks[{index}]"), check));
    let all: Vec<_> = defaults.chain(own).collect();
    if all.is_empty() {
        return Err(Error::config("there is nothing to check: add `checks`"));
    }
    let make = |(index, (place, check)): (usize, (String, &crate::spec::CheckSpec))| {
        parse(check, format!("a{index}"), &Context { dataset, files, env, connector, place })
    };
    all.into_iter().enumerate().map(make).collect()
}

/// Gathers the metrics: one a name, with the widest scale of its checks.
fn metrics(assertions: &[Assertion], gate: &GateSpec) -> Result<Vec<Metric>, Error> {
    let mut metrics: Vec<Metric> = Vec::new();
    for assertion in assertions {
        // What a threshold makes pass or fail is still measured by its value; `not-` leaves only the pass.
        let scale = if assertion.negated { Scale::Rate } else { assertion.check.scale() };
        match metrics.iter_mut().find(|metric| metric.name == assertion.metric) {
            Some(metric) if (metric.scale == Scale::Unbounded) != (scale == Scale::Unbounded) || metric.better != assertion.better => {
                let what = format!("metric {:?} joins checks that cannot be averaged; give one of them another metric", metric.name);
                return Err(Error::config(what));
            }
            Some(metric) => metric.scale = metric.scale.max(scale),
            None => {
                let spec = gate.metrics.get(&assertion.metric).cloned().flatten().unwrap_or_default();
                metrics.push(Metric { name: assertion.metric.clone(), scale, better: assertion.better, spec });
            }
        }
    }
    let known: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for (name, spec) in &gate.metrics {
        if !known.contains(&name.as_str()) {
            return Err(Error::config(format!("gate.metrics: {}", unknown("metric", name, &known))));
        }
        let decides = |assertion: &&Assertion| assertion.metric == *name && assertion.threshold.is_none() && assertion.check.scale() != Scale::Rate;
        if spec.as_ref().is_some_and(|spec| spec.critical) && assertions.iter().any(|assertion| decides(&assertion)) {
            let what = format!("gate.metrics: {name:?} is critical, but its checks neither pass nor fail; give them a threshold");
            return Err(Error::config(what));
        }
    }
    Ok(metrics)
}

fn check_gate(gate: &GateSpec, slices: &[String]) -> Result<(), Error> {
    let shares = [("q", gate.q), ("max_mde", gate.max_mde), ("max_unscored", gate.max_unscored), ("max_changed", gate.max_changed)];
    if let Some((key, value)) = shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
        return Err(Error::config(format!("gate.{key} is a share from 0 to 1, not {value}")));
    }
    if gate.q == 0.0 {
        return Err(Error::config("gate.q is above 0: with no false alarm allowed there is no alarm at all"));
    }
    match gate.slices.iter().find(|column| !slices.contains(column)) {
        Some(column) => Err(Error::config(format!("gate.slices: {column:?} is not among slices"))),
        None => Ok(()),
    }
}

fn baseline(spec: &SuiteSpec, compare: &Compare, files: &Files) -> Result<(Option<Baseline>, Option<PathBuf>), Error> {
    let named = match &spec.baseline {
        None => None,
        Some(baseline) => match (&baseline.file, &baseline.run, &baseline.branch) {
            (Some(file), None, None) if baseline.last.is_none() => Some(file),
            (None, None, None) => return Err(Error::config("baseline is empty; write {file: baselines/<name>.json}")),
            _ => return Err(Error::config("baseline: this version reads {file: <report>.json} alone; runs and branches are not read yet")),
        },
    };
    let place = named.map(|file| files.find("baseline", file).unwrap_or_else(|_| files.place(file)));
    let read = match (compare, named) {
        (Compare::File(path), _) => Some(Baseline::read(path)?),
        (Compare::Suite, Some(file)) => {
            let path = files
                .find("baseline", file)
                .map_err(|error| Error::config(format!("{error}; make it by `karat eval <suite> --update-baseline`, or run with --no-baseline")))?;
            Some(Baseline::read(&path)?)
        }
        _ => None,
    };
    Ok((read, place))
}

fn any_price(spec: &SuiteSpec) -> bool {
    let priced = |settings: &ModelSpec| settings.price.is_some();
    let provider = |provider: &TextOr<ProviderSpec>| matches!(provider, TextOr::Map(provider) if priced(&provider.config));
    spec.providers.iter().any(provider) || spec.checks.iter().any(|check| check.config.as_ref().is_some_and(priced))
}

impl Suite {
    /// Returns where the suite's baseline file is, or would be.
    pub fn baseline_path(&self) -> Option<&Path> {
        self.baseline_path.as_deref()
    }

    /// Hash of model, rubric and prompt of every judge, by metric.
    pub(crate) fn judge_hashes(&self) -> BTreeMap<String, String> {
        let judged = |assertion: &Assertion| match &assertion.check {
            Check::Judge(judge) => Some((assertion.metric.clone(), judge.hash().to_owned())),
            _ => None,
        };
        self.assertions.iter().filter_map(judged).collect()
    }
}
