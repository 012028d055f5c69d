//! A suite: its file read, its names resolved, its mistakes found before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::archive::{Archive, nowhere};
use crate::baseline::Baseline;
use crate::calls::Cache;
use crate::cases::{Cases, Plan};
use crate::chat::Connector;
use crate::checks::{Check, Judged};
use crate::config::EvaluatorConfig;
use crate::dataset::{Dataset, DatasetSpec, Source, hex, select};
use crate::error::Error;
use crate::fairness::FairnessSpec;
use crate::files::Files;
use crate::filter::Part;
use crate::judge::Batch;
use crate::keys::explain;
use crate::metrics::{Metric, check_attempts, metrics};
use crate::price::Prices;
use crate::promptfoo::{has_config, read_default, read_prompts};
use crate::providers::{Provider, overrides, providers};
use crate::report::Report;
use crate::spec::{BaselineSpec, BudgetSpec, CheckSpec, DerivedSpec, GateSpec, OnInconclusive, ProviderSpec, SuiteSpec, TextOr};
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
    pub(crate) fairness: Option<FairnessSpec>,
    /// How each case is asked and checked, in the dataset's order.
    pub(crate) plans: Vec<Plan>,
    /// Whether variables are promptfoo's, which may name each other, and not rows of data.
    pub(crate) has_tests: bool,
    pub(crate) derived: Vec<DerivedSpec>,
    /// Targets of tests that name a provider of their own, by the test's place.
    pub(crate) overrides: BTreeMap<usize, Target>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) gate: GateSpec,
    pub(crate) budget: Option<BudgetSpec>,
    pub(crate) baseline: Option<Baseline>,
    /// The baseline that has to be read out of the tables first.
    pub(crate) kept_baseline: Option<BaselineSpec>,
    /// Where the suite's baseline file is, or would be.
    pub(crate) baseline_path: Option<PathBuf>,
    pub(crate) hash: String,
    /// Hash of the file without what only says how long it may go on and what is made of its scores.
    pub(crate) asking_hash: String,
    /// How many cases were left out, and by what, where the run is of a part of the suite.
    pub(crate) part: Option<String>,
    /// Ids of the cases that were left out.
    pub(crate) left_out: BTreeSet<String>,
    /// Where its judges' answers are kept.
    pub(crate) cache: Option<Cache>,
    /// Where its judges' questions are collected that can wait.
    pub(crate) batch: Arc<Batch>,
}

/// A prompt template.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    /// Its label, file or text; what reports show.
    pub label: String,
    /// The prompt before it is filled in.
    pub text: String,
    pub template: Template,
    pub hash: String,
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

/// Reads a suite and everything that it names, and refuses what cannot run. Nobody is asked: the rows of a SELECT stay unseen.
pub fn load(path: &Path, compare: &Compare, config: &EvaluatorConfig, env: Env<'_>) -> Result<Suite, Error> {
    let (text, spec) = read(path)?;
    resolve(path, &text, spec, None, compare, config, env).map_err(|error| in_suite(path, error))
}

/// The same for a suite that is to run: a SELECT is asked for its cases, and where there are no tables, who wants some is refused.
pub async fn load_from(archive: Archive<'_>, path: &Path, compare: &Compare, config: &EvaluatorConfig, env: Env<'_>) -> Result<Suite, Error> {
    load_part(archive, path, compare, config, env, &Part::default()).await
}

/// The same for a part of its cases.
pub async fn load_part(
    archive: Archive<'_>,
    path: &Path,
    compare: &Compare,
    config: &EvaluatorConfig,
    env: Env<'_>,
    part: &Part,
) -> Result<Suite, Error> {
    let suite = load_seen(archive, path, compare, config, env, part).await?;
    match suite.targets().any(|target| matches!(target, Target::Select(_))) && !archive.is_somewhere() {
        true => Err(in_suite(path, nowhere("providers: a SELECT"))),
        false => Ok(suite),
    }
}

/// The same for a suite whose runs were made before: its cases are looked at, and its targets are not asked.
pub async fn load_to_compare(archive: Archive<'_>, path: &Path, config: &EvaluatorConfig, env: Env<'_>) -> Result<Suite, Error> {
    load_seen(archive, path, &Compare::Nothing, config, env, &Part::default()).await
}

async fn load_seen(
    archive: Archive<'_>,
    path: &Path,
    compare: &Compare,
    config: &EvaluatorConfig,
    env: Env<'_>,
    part: &Part,
) -> Result<Suite, Error> {
    let (text, mut spec) = read(path)?;
    spec.repeat = part.repeat.or(spec.repeat);
    let selected = selected(archive, &spec, config).await.map_err(|error| in_suite(path, error))?;
    let mut suite = resolve(path, &text, spec, selected, compare, config, env).map_err(|error| in_suite(path, error))?;
    suite.keep_only(part).map_err(|error| in_suite(path, error))?;
    Ok(suite)
}

fn read(path: &Path) -> Result<(String, SuiteSpec), Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let spec = serde_yaml_ng::from_str(&text).map_err(|error| in_suite(path, Error::config(explain(&error))))?;
    Ok((text, spec))
}

fn in_suite(path: &Path, error: Error) -> Error {
    match error {
        Error::Config { message } => Error::config(format!("{}: {message}", path.display())),
        other => other,
    }
}

/// The cases of a suite whose dataset is a SELECT.
async fn selected(archive: Archive<'_>, spec: &SuiteSpec, config: &EvaluatorConfig) -> Result<Option<Dataset>, Error> {
    match spec.dataset.as_ref().map(DatasetSpec::source).transpose()? {
        Some(Source::Select(sql)) => select(archive, sql, config).await.map(Some),
        _ => Ok(None),
    }
}

fn resolve(
    path: &Path,
    text: &str,
    spec: SuiteSpec,
    selected: Option<Dataset>,
    compare: &Compare,
    config: &EvaluatorConfig,
    env: Env<'_>,
) -> Result<Suite, Error> {
    refuse_code(&spec)?;
    let own: BTreeMap<String, String> = spec.env.iter().map(|(name, value)| (name.clone(), crate::js::text(value))).collect();
    let env = &|name: &str| own.get(name).cloned().or_else(|| env(name));
    let files = Files::beside(path).up_to(config.dataset_bytes_max);
    let connector = Connector::new(config.clone())?;
    let default = read_default(spec.default_test.as_ref(), &files)?;
    let cases = Cases::read(&spec, selected, &default, &files, &connector, config, env)?;
    let dataset = cases.dataset;
    for (key, column) in spec.cluster.iter().map(|column| ("cluster", column)).chain(spec.slices.iter().map(|column| ("slices", column))) {
        dataset.expect_column(key, column)?;
    }
    let has_tests = spec.dataset.is_none();
    let directory = directory_of(&files);
    let providers = providers(&spec.providers.0, &dataset, &connector, &directory, env)?;
    let prompts = prompts(&spec, &dataset, &files, env)?;
    if prompts.is_empty() && providers.iter().any(|provider| provider.target.needs_prompt()) {
        return Err(Error::config("a provider that is asked needs `prompts`"));
    }
    if has_config(&spec.prompts) && providers.iter().any(|provider| provider.target.is_model()) {
        return Err(Error::config(
            "prompts: the `config` of a prompt reaches no model here; write it as the provider's `config`, one provider a prompt",
        ));
    }
    let overrides = overrides(&cases.plans, &dataset, &connector, &directory, env)?;
    let metrics = metrics(&dataset, &cases.plans, &spec.gate)?;
    let repeat = repeat(&spec)?;
    check_attempts(&metrics, &cases.plans, repeat)?;
    check_gate(&spec.gate, &spec.slices, repeat)?;
    if let Some(fairness) = &spec.fairness {
        fairness.check(&dataset, &metrics)?;
    }
    let named = baseline(&spec, compare, &files)?;
    if spec.budget.is_some_and(|budget| budget.usd.is_some()) && !any_price(&spec, &config.prices) {
        return Err(Error::config(
            "budget: dollars are only known where a model stands in the price list, or a config holds `price: {input, output}` (an app's: `cost`)",
        ));
    }
    Ok(Suite {
        path: path.to_owned(),
        repeat,
        description: spec.description,
        dataset,
        prompts,
        providers,
        cluster: spec.cluster,
        slices: spec.slices,
        fairness: spec.fairness,
        plans: cases.plans,
        has_tests,
        derived: spec.derived_metrics,
        overrides,
        metrics,
        gate: spec.gate,
        budget: spec.budget,
        baseline: named.read,
        baseline_path: named.place,
        kept_baseline: named.kept,
        hash: hex(&Sha256::digest(text))[..16].to_owned(),
        asking_hash: asking_hash(text),
        part: None,
        left_out: BTreeSet::new(),
        cache: connector.opened_cache(),
        batch: connector.batch(),
    })
}

/// Keys of a suite that decide neither what is asked nor how it is scored.
const NOT_ASKED: [&str; 4] = ["description", "gate", "budget", "baseline"];

/// Hash of the suite's file without [`NOT_ASKED`], comments and blank lines.
fn asking_hash(text: &str) -> String {
    let mut spec: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).unwrap_or_default();
    if let Some(keys) = spec.as_mapping_mut() {
        keys.retain(|key, _| !key.as_str().is_some_and(|key| NOT_ASKED.contains(&key)));
    }
    // What cannot be written again is another file with each change.
    let kept = serde_yaml_ng::to_string(&spec).unwrap_or_else(|_| text.to_owned());
    hex(&Sha256::digest(kept))
}

/// Commands run in the directory of the suite, wherever karat is started.
fn directory_of(files: &Files) -> PathBuf {
    files.bases().first().cloned().unwrap_or_else(|| PathBuf::from("."))
}

/// What promptfoo would run as code while it loads a suite.
fn refuse_code(spec: &SuiteSpec) -> Result<(), Error> {
    let given = [("extensions", &spec.extensions), ("nunjucksFilters", &spec.nunjucks_filters), ("redteam", &spec.redteam)];
    match given.iter().find(|(_, value)| value.is_some()) {
        Some((key, _)) => Err(Error::config(format!("{key}: code of promptfoo's does not run here; leave it out"))),
        None => Ok(()),
    }
}

/// Most answers to one case.
const REPEAT_MAX: u32 = 100;

/// How often each case is answered: the suite's own key, or promptfoo's.
fn repeat(spec: &SuiteSpec) -> Result<u32, Error> {
    let of = |options: &Option<Value>| options.as_ref().and_then(|options| options.get("repeat")).and_then(Value::as_u64);
    let theirs = of(&spec.command_line_options).or_else(|| of(&spec.evaluate_options));
    let repeat = spec.repeat.or_else(|| theirs.and_then(|repeat| u32::try_from(repeat).ok())).unwrap_or(1);
    if (1..=REPEAT_MAX).contains(&repeat) { Ok(repeat) } else { Err(Error::config(format!("repeat is a number from 1 to {REPEAT_MAX}"))) }
}

/// Reads the prompts; where the cases are rows of data, a variable that no row has is a mistake.
fn prompts(spec: &SuiteSpec, dataset: &Dataset, files: &Files, env: Env<'_>) -> Result<Vec<Prompt>, Error> {
    let read = |raw: crate::promptfoo::Raw| {
        // A text that is no template is sent as it is, as in promptfoo.
        let template = match Template::parse(&raw.text, env) {
            Ok(template) => template,
            Err(error) if spec.dataset.is_some() => return Err(error),
            Err(_) => Template::verbatim(&raw.text),
        };
        for column in template.variables().filter(|_| spec.dataset.is_some()) {
            dataset.expect_column(&format!("prompt {:?}", raw.label), column)?;
        }
        let hash = hex(&Sha256::digest(&raw.text))[..16].to_owned();
        Ok(Prompt { label: raw.label, text: raw.text, template, hash })
    };
    read_prompts(&spec.prompts, files)?.into_iter().map(read).collect()
}

fn check_gate(gate: &GateSpec, slices: &[String], repeat: u32) -> Result<(), Error> {
    let shares = [("q", gate.q), ("max_mde", gate.max_mde), ("max_unscored", gate.max_unscored), ("max_changed", gate.max_changed)];
    if let Some((key, value)) = shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
        return Err(Error::config(format!("gate.{key} is a share from 0 to 1, not {value}")));
    }
    if !(gate.min_effect >= 0.0 && gate.min_effect.is_finite()) {
        return Err(Error::config(format!("gate.min_effect is 0 or more, not {}", gate.min_effect)));
    }
    if gate.q == 0.0 {
        return Err(Error::config("gate.q is above 0: with no false alarm allowed there is no alarm at all"));
    }
    if gate.on_inconclusive == OnInconclusive::Extend && !(repeat + 1..=REPEAT_MAX).contains(&gate.extend_max) {
        let what = format!("gate.extend_max is above repeat = {repeat} and at most {REPEAT_MAX}, not {}", gate.extend_max);
        return Err(Error::config(what));
    }
    if gate.on_inconclusive == OnInconclusive::Extend && gate.q >= 0.5 {
        return Err(Error::config("gate.q is below 0.5 where runs are extended: there is no sequence that holds so little"));
    }
    match gate.slices.iter().find(|column| !slices.contains(column)) {
        Some(column) => Err(Error::config(format!("gate.slices: {column:?} is not among slices"))),
        None => Ok(()),
    }
}

/// What a suite is compared with: a file that was read, where it lies or would lie, or runs that stand in the tables.
struct Named {
    read: Option<Baseline>,
    place: Option<PathBuf>,
    kept: Option<BaselineSpec>,
}

fn baseline(spec: &SuiteSpec, compare: &Compare, files: &Files) -> Result<Named, Error> {
    let mut kept = None;
    let named = match &spec.baseline {
        None => None,
        Some(baseline) => match (&baseline.file, &baseline.run, &baseline.branch) {
            (Some(file), None, None) if baseline.last.is_none() => Some(file),
            (None, Some(_), None) if baseline.last.is_none() => {
                kept = Some(baseline.clone());
                None
            }
            (None, None, Some(_)) => {
                kept = Some(baseline.clone());
                None
            }
            (None, None, None) => return Err(Error::config("baseline is empty; write {file: baselines/<name>.json}")),
            _ => return Err(Error::config("baseline is {file: <report>.json}, {run: <id>} or {branch: <name>, last: 3}, one of the three")),
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
    let kept = kept.filter(|_| *compare == Compare::Suite);
    Ok(Named { read, place, kept })
}

/// Whether anything that a suite asks tells what it costs.
fn any_price(spec: &SuiteSpec, prices: &Prices) -> bool {
    let of = |id: &str, settings: Option<&Value>| {
        let setting = |key: &str| settings.and_then(|settings| settings.get(key));
        let told = ["price", "cost", "inputCost"].iter().any(|key| setting(key).is_some());
        told || prices.know(id, setting("apiBaseUrl").and_then(Value::as_str))
    };
    let provider = |provider: &TextOr<ProviderSpec>| match provider {
        TextOr::Text(id) => of(id, None),
        TextOr::Map(provider) => of(&provider.id, provider.config.as_ref()),
    };
    let check = |check: &CheckSpec| check.model.iter().chain(&check.models).any(|id| of(id, check.config.as_ref()));
    spec.providers.0.iter().any(provider) || spec.checks.iter().any(check)
}

impl Suite {
    /// Returns where the suite's baseline file is, or would be.
    pub fn baseline_path(&self) -> Option<&Path> {
        self.baseline_path.as_deref()
    }

    /// Compares the suite's next run with this one, as far as its cases are not left out.
    pub(crate) fn compare_with(&mut self, path: &Path, mut report: Report) {
        report.cases.retain(|case| !self.left_out.contains(&case.id));
        self.baseline = Some(Baseline { path: path.to_owned(), report });
    }

    /// Every target that may be asked.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.providers.iter().map(|provider| &provider.target).chain(self.overrides.values())
    }

    /// The target of a test: its own, or the provider's.
    pub(crate) fn target_of<'a>(&'a self, test: usize, target: &'a Target) -> &'a Target {
        self.overrides.get(&test).unwrap_or(target)
    }

    /// Hash of model, rubric and prompt of every judge, by metric.
    pub(crate) fn judge_hashes(&self) -> BTreeMap<String, String> {
        self.judges().into_iter().map(|(metric, judge)| (metric.to_owned(), judge.hash().to_owned())).collect()
    }

    /// Every judge, the first of each metric.
    pub(crate) fn judges(&self) -> BTreeMap<&str, &Judged> {
        let mut judges = BTreeMap::new();
        for assertion in self.plans.iter().flat_map(|plan| plan.nodes.iter()).flat_map(|node| node.assertions()) {
            if let Check::Judge(judge) = &assertion.check {
                judges.entry(assertion.metric.as_str()).or_insert(judge);
            }
        }
        judges
    }

    /// Whether answering or judging asks anybody, so that doing it again costs something.
    pub(crate) fn costs(&self) -> bool {
        self.answers_anew() || !self.judges().is_empty()
    }

    /// Whether a case that is answered again may get another answer.
    pub(crate) fn answers_anew(&self) -> bool {
        let is_fixed = |target: &Target| matches!(target, Target::Dataset(_) | Target::Select(_) | Target::Echo | Target::Unknown(_));
        !self.targets().all(is_fixed)
    }
}
