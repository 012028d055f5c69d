//! The keys of a suite file, as they stand in the YAML.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dataset::DatasetSpec;
use crate::fairness::FairnessSpec;
use crate::judge::Pool;

/// A suite, as its file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteSpec {
    /// What the suite is about.
    #[serde(default)]
    pub description: Option<String>,
    /// File of the cases, or a part of it.
    #[serde(default)]
    pub dataset: Option<DatasetSpec>,
    /// Cases in promptfoo's form: here, or in files.
    #[serde(default)]
    pub tests: Many<TestSpec>,
    /// Sets of variables, each with every test of its scenario.
    #[serde(default)]
    pub scenarios: Vec<ScenarioSpec>,
    /// Prompt templates: text, or `file://` and a path.
    #[serde(default)]
    pub prompts: Many<PromptSpec>,
    /// Where answers come from.
    #[serde(default, alias = "targets")]
    pub providers: Many<ProviderSpec>,
    /// How often each case is answered.
    #[serde(default)]
    pub repeat: Option<u32>,
    /// Column that names what cases belong together and are not independent.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Columns to look into value by value.
    #[serde(default)]
    pub slices: Vec<String>,
    /// Groups that are to be treated alike.
    #[serde(default)]
    pub fairness: Option<FairnessSpec>,
    /// What every test has, in promptfoo's form: here, or in a file.
    #[serde(default, rename = "defaultTest")]
    pub default_test: Option<TextOr<TestSpec>>,
    /// Figures that are computed out of the sums of the metrics.
    #[serde(default, rename = "derivedMetrics")]
    pub derived_metrics: Vec<DerivedSpec>,
    /// promptfoo's settings of a run; `repeat` is looked at.
    #[serde(default, rename = "evaluateOptions")]
    pub evaluate_options: Option<Value>,
    /// promptfoo's settings of its command line; `repeat` is looked at.
    #[serde(default, rename = "commandLineOptions")]
    pub command_line_options: Option<Value>,
    /// Values of environment variables that the suite names.
    #[serde(default)]
    pub env: BTreeMap<String, Value>,
    /// promptfoo's keys that change nothing here.
    #[serde(default, rename = "tags")]
    pub _tags: IgnoredAny,
    #[serde(default, rename = "metadata")]
    pub _metadata: IgnoredAny,
    #[serde(default, rename = "sharing")]
    pub _sharing: IgnoredAny,
    #[serde(default, rename = "outputPath")]
    pub _output_path: IgnoredAny,
    #[serde(default, rename = "tracing")]
    pub _tracing: IgnoredAny,
    #[serde(default, rename = "writeLatestResults")]
    pub _write_latest_results: IgnoredAny,
    #[serde(default, rename = "$schema")]
    pub _schema: IgnoredAny,
    /// promptfoo's keys that do not run here, and are refused.
    #[serde(default, rename = "nunjucksFilters")]
    pub nunjucks_filters: Option<Value>,
    #[serde(default)]
    pub extensions: Option<Value>,
    #[serde(default)]
    pub redteam: Option<Value>,
    /// karat's own checks.
    #[serde(default)]
    pub checks: Vec<CheckSpec>,
    /// What the run is compared with.
    #[serde(default)]
    pub baseline: Option<BaselineSpec>,
    /// How the comparison decides.
    #[serde(default)]
    pub gate: GateSpec,
    /// Where the run stops.
    #[serde(default)]
    pub budget: Option<BudgetSpec>,
}

/// A prompt with a label.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptSpec {
    /// The template, or `file://` and a path.
    #[serde(default)]
    pub raw: Option<String>,
    /// The same where there is no `raw`; beside one, a name that nothing here looks at.
    #[serde(default)]
    pub id: Option<String>,
    /// Name that the prompt keeps when its text changes.
    #[serde(default)]
    pub label: Option<String>,
    /// promptfoo's settings of the model for this prompt alone; no model here takes them.
    #[serde(default)]
    pub config: Option<Value>,
}

/// A provider with settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSpec {
    /// `dataset:<column>`, `openai:chat:<model>`, `bedrock:<model>`, `exec:<command>`, `sql:<select>` or `echo`.
    #[serde(default)]
    pub id: String,
    /// Instead of an id: a SELECT that is asked once a case.
    #[serde(default)]
    pub sql: Option<String>,
    /// Name that the provider keeps when its id changes.
    #[serde(default)]
    pub label: Option<String>,
    /// Settings of what answers, each kind its own.
    #[serde(default)]
    pub config: Option<Value>,
    /// Prompts that it is asked, by label; all where none is named.
    #[serde(default)]
    pub prompts: Option<Vec<String>>,
    /// What is made of every answer.
    #[serde(default)]
    pub transform: Option<String>,
    /// promptfoo's pause between calls; karat's settings limit the calls at once instead.
    #[serde(default, rename = "delay")]
    pub _delay: IgnoredAny,
}

/// One thing, or a list of them; a text stands for a thing by its name.
#[derive(Debug, Clone)]
pub(crate) struct Many<T>(pub Vec<TextOr<T>>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMore<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a mapping or a list of them")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(Many::default())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Many(vec![TextOr::Text(text.to_owned())]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|item| Many(vec![TextOr::Map(item)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Many(list))
            }
        }
        deserializer.deserialize_any(OneOrMore(PhantomData))
    }
}

/// Settings of a model behind an endpoint.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelSpec {
    /// Base URL of the endpoint, such as `http://127.0.0.1:8000/v1`.
    #[serde(default, rename = "apiBaseUrl")]
    pub api_base_url: Option<String>,
    /// Key of the endpoint; write `{{env.NAME}}`, not the key.
    #[serde(default, rename = "apiKey")]
    pub api_key: Option<String>,
    /// Sampling temperature.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Nucleus sampling share.
    #[serde(default)]
    pub top_p: Option<f64>,
    /// Most tokens of an answer.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Seed, where the endpoint takes one.
    #[serde(default)]
    pub seed: Option<i64>,
    /// Price of a million tokens, in dollars, instead of the price list's.
    #[serde(default)]
    pub price: Option<PriceSpec>,
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceSpec {
    /// Of input.
    pub input: f64,
    /// Of output.
    pub output: f64,
}

/// A test in promptfoo's form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestSpec {
    /// What the test is about.
    pub description: Option<String>,
    /// Variables: here, or in files; in YAML's terms, which keep their order.
    pub vars: Option<serde_yaml_ng::Value>,
    /// Instead of the suite's provider.
    pub provider: Option<Value>,
    /// Providers that are asked, by id or label.
    pub providers: Option<Vec<String>>,
    /// Prompts that are asked, by label.
    pub prompts: Option<Vec<String>>,
    /// An answer that was recorded; nothing is asked.
    #[serde(rename = "providerOutput")]
    pub provider_output: Option<Value>,
    /// The assertions.
    pub assert: Vec<CheckSpec>,
    /// Code that computes the verdict; it does not run here.
    #[serde(rename = "assertScoringFunction")]
    pub assert_scoring_function: Option<Value>,
    /// How the test is run.
    pub options: TestOptions,
    /// Weighted mean of the scores from which on the test passes, whatever single assertions say.
    pub threshold: Option<f64>,
    /// What is known about the test.
    pub metadata: Option<Value>,
}

/// How a test is run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct TestOptions {
    /// Text before the prompt.
    pub prefix: Option<String>,
    /// Text after the prompt.
    pub suffix: Option<String>,
    /// What is made of the answer.
    #[serde(alias = "postprocess")]
    pub transform: Option<String>,
    /// What is made of the variables.
    pub transform_vars: Option<String>,
    /// Lists of texts stay lists.
    pub disable_var_expansion: bool,
    /// The default test's assertions are left out.
    pub disable_default_asserts: bool,
    /// Instead of the suite's.
    pub repeat: Option<u32>,
    /// Name under which later tests find the answer; it does not run here.
    pub store_output_as: Option<String>,
    /// Who grades the assertions that ask a model: an id, `{id, config}`, or one for each use (`{text, embedding}`).
    pub provider: Option<Value>,
    /// How graders are asked; one of the suite's own does not run here.
    pub rubric_prompt: Option<Value>,
    /// Of no meaning here: conversations, and the order of tests.
    #[serde(rename = "disableConversationVar")]
    pub _disable_conversation_var: IgnoredAny,
    #[serde(rename = "runSerially")]
    pub _run_serially: IgnoredAny,
}

/// Sets of variables, each with every test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioSpec {
    /// What the scenario is about.
    #[serde(default, rename = "description")]
    pub _description: IgnoredAny,
    /// The sets.
    pub config: Vec<TestSpec>,
    /// The tests.
    #[serde(default)]
    pub tests: Many<TestSpec>,
}

/// A figure out of the sums of the metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DerivedSpec {
    /// Its name.
    pub name: String,
    /// An expression over names of metrics and `__count`.
    pub value: Value,
}

/// A check or an assertion: the keys of all kinds; a kind refuses those that mean nothing to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckSpec {
    /// promptfoo's name of the kind.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// karat's name of the kind.
    #[serde(default)]
    pub check: Option<String>,
    /// What is expected.
    #[serde(default)]
    pub value: Option<Value>,
    /// From where on the check passes.
    #[serde(default)]
    pub threshold: Option<f64>,
    /// The most that a budget allows; `threshold` by another name.
    #[serde(default)]
    pub max: Option<f64>,
    /// Weight within the metric.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Metric that the check counts for.
    #[serde(default)]
    pub metric: Option<String>,
    /// Which direction is better.
    #[serde(default)]
    pub better: Option<Better>,
    /// Values that columns of a case must have for the check to apply.
    #[serde(default)]
    pub when: BTreeMap<String, Value>,
    /// Column that is checked; `output` is the answer.
    #[serde(default)]
    pub answer: Option<String>,
    /// Column with what is right: a text, or a list of them.
    #[serde(default)]
    pub reference: Option<String>,
    /// Column with the documents that the answer was given.
    #[serde(default)]
    pub sources: Option<String>,
    /// Column with the question.
    #[serde(default)]
    pub question: Option<String>,
    /// A SELECT over the result's row, or what stands after one.
    #[serde(default)]
    pub select: Option<String>,
    /// A JSON schema, or a file with one.
    #[serde(default)]
    pub schema: Option<Value>,
    /// File with a rubric for a judge.
    #[serde(default)]
    pub rubric: Option<String>,
    /// Model of the judge, such as `openai:chat:qwen3-32b`.
    #[serde(default)]
    pub model: Option<String>,
    /// Settings: of a judge's model and endpoint, or of promptfoo's assertion.
    #[serde(default)]
    pub config: Option<Value>,
    /// Ranks that a measure of retrieval looks at.
    #[serde(default)]
    pub k: Option<usize>,
    /// How much the arguments of tool calls count; without it all of them, and none where an order is asked for.
    #[serde(default)]
    pub arguments: Option<ArgumentRule>,
    /// Tolerance of a number, in its unit.
    #[serde(default)]
    pub absolute: Option<f64>,
    /// Tolerance of a number, as a share of the reference.
    #[serde(default)]
    pub relative: Option<f64>,
    /// The assertions of an `assert-set`.
    #[serde(default)]
    pub assert: Vec<CheckSpec>,
    /// What is made of the answer for this check alone.
    #[serde(default)]
    pub transform: Option<String>,
    /// Who grades an assertion that asks a model, instead of the test's.
    #[serde(default)]
    pub provider: Option<Value>,
    /// How the grader is asked; one of the suite's own does not run here.
    #[serde(default, rename = "rubricPrompt")]
    pub rubric_prompt: Option<Value>,
    /// promptfoo's key of assertions on contexts, which are errors here.
    #[serde(default, rename = "contextTransform")]
    pub _context_transform: IgnoredAny,
    /// How often the judge is asked.
    #[serde(default)]
    pub votes: Option<u32>,
    /// Models of a jury, instead of `model`.
    #[serde(default)]
    pub models: Vec<String>,
    /// How the values of a jury become one.
    #[serde(default)]
    pub pool: Option<Pool>,
    /// Whether a judge's verdict is weighed by the probabilities of its token, where the endpoint gives them.
    #[serde(default)]
    pub weighted: Option<bool>,
    /// Column with the answer that this one is compared with.
    #[serde(default)]
    pub against: Option<String>,
    /// Column with what people said about the answer, a number from 0 to 1 or nothing; the judge's mean is corrected by it.
    #[serde(default)]
    pub labels: Option<String>,
    /// Answers that are judged in every run beside the cases, with what people said about them: they show whether the judge moved.
    #[serde(default)]
    pub anchors: Option<String>,
}

/// How much the arguments of tool calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ArgumentRule {
    /// Name and arguments have to agree.
    Exact,
    /// The share of equal arguments counts; where an order is asked for, a call may have more of them than are expected.
    Partial,
    /// The name alone counts.
    Ignore,
}

/// Which direction of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What a run is compared with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaselineSpec {
    /// A report in JSON.
    #[serde(default)]
    pub file: Option<String>,
    /// A run in the store.
    #[serde(default)]
    pub run: Option<String>,
    /// A branch in the store.
    #[serde(default)]
    pub branch: Option<String>,
    /// How many runs of the branch are averaged.
    #[serde(default)]
    pub last: Option<u32>,
}

/// How a comparison with a baseline decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GateSpec {
    /// Share of false alarms among the metrics that are called regressed.
    pub q: f64,
    /// The largest fall that may go unseen, in the metric's range.
    pub max_mde: f64,
    /// Share of cases that may stay without a score.
    pub max_unscored: f64,
    /// Share of the baseline's cases that may be gone or edited.
    pub max_changed: f64,
    /// A regression smaller than this is none.
    pub min_effect: f64,
    /// What an inconclusive run ends with.
    pub on_inconclusive: OnInconclusive,
    /// Repeats of a case at which `on_inconclusive: extend` gives up, the first ones counted; 8 unless given. More of them cost more calls and decide
    /// more, but no more than the cases allow.
    pub extend_max: u32,
    /// Metrics whose rule is not the plain one.
    pub metrics: BTreeMap<String, Option<MetricSpec>>,
    /// Slice columns that also gate.
    pub slices: Vec<String>,
}

impl Default for GateSpec {
    fn default() -> Self {
        Self {
            q: 0.05,
            max_mde: 0.25,
            max_unscored: 0.05,
            max_changed: 0.10,
            min_effect: 0.0,
            on_inconclusive: OnInconclusive::Fail,
            extend_max: 8,
            metrics: BTreeMap::new(),
            slices: Vec::new(),
        }
    }
}

/// What an inconclusive run ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnInconclusive {
    /// Exit code 101.
    Fail,
    /// Exit code 0, and a warning.
    Warn,
    /// More repeats, until the run can tell or `extend_max` or the budget is reached; exit code 101 then.
    Extend,
}

/// The rule of one metric.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricSpec {
    /// Prove that the metric did not fall by this much.
    pub margin: Option<Margin>,
    /// No case may fail that passed before.
    pub critical: bool,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// Least lower end of the value's interval.
    pub min_lower_bound: Option<f64>,
    /// Greatest upper end of the value's interval.
    pub max_upper_bound: Option<f64>,
    /// Instead of the gate's.
    pub max_mde: Option<f64>,
    /// Instead of the gate's.
    pub min_effect: Option<f64>,
    /// Makes this a metric of its own: the chance that k attempts at a case all pass (pass^k), out of its repeats.
    pub pass_k: Option<AttemptsSpec>,
    /// Makes this a metric of its own: the chance that one of k attempts at a case passes (pass@k), out of its repeats.
    pub pass_at_k: Option<AttemptsSpec>,
}

/// Attempts at a case, which are its repeats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttemptsSpec {
    /// Metric whose checks pass or fail.
    pub of: String,
    /// Attempts that are looked at together.
    pub k: usize,
}

impl MetricSpec {
    /// The attempts that the metric is about, where it is one over repeats.
    pub(crate) fn attempts(&self) -> Option<&AttemptsSpec> {
        self.pass_k.as_ref().or(self.pass_at_k.as_ref())
    }
}

/// A margin: in the metric's unit, or relative to the baseline's mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Margin {
    /// In the metric's unit.
    Absolute(f64),
    /// `10%` of the baseline's mean.
    Relative(f64),
}

impl Margin {
    /// Returns the margin in the metric's unit.
    pub(crate) fn of(self, baseline_mean: f64) -> f64 {
        match self {
            Margin::Absolute(margin) => margin,
            Margin::Relative(share) => share * baseline_mean.abs(),
        }
    }
}

impl<'de> Deserialize<'de> for Margin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_f64().map(Margin::Absolute),
            Value::String(text) => text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()).map(|n| Margin::Relative(n / 100.0)),
            _ => None,
        };
        let positive = |margin: &Margin| matches!(margin, Margin::Absolute(n) | Margin::Relative(n) if *n > 0.0 && n.is_finite());
        number.filter(positive).ok_or_else(|| D::Error::custom(format!("margin is a number above 0 or a share such as 10%, not {value}")))
    }
}

/// Where a run stops.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetSpec {
    /// Dollars.
    #[serde(default)]
    pub usd: Option<f64>,
    /// Minutes.
    #[serde(default)]
    pub minutes: Option<f64>,
}

/// A plain text, or a mapping; unlike serde's untagged enums it keeps the message about a wrong key.
#[derive(Debug, Clone)]
pub(crate) enum TextOr<T> {
    /// The text.
    Text(String),
    /// The mapping.
    Map(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a mapping")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Map)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}
