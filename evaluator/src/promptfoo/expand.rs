//! Makes cases of tests: defaults merged, scenarios multiplied, lists of texts spread.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_yaml_ng::{Mapping, Value as Yaml};

use crate::dataset::Vars;
use crate::error::Error;
use crate::files::Files;
use crate::js;
use crate::promptfoo::glob;
use crate::promptfoo::grader::graded;
use crate::promptfoo::transform::Transform;
use crate::spec::{CheckSpec, ScenarioSpec, TestOptions, TestSpec};

/// Cases that one test may spread into.
const CASES_MAX: usize = 100_000;

/// A test with everything that is the same for its cases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Test {
    /// Its place in the suite.
    pub index: usize,
    pub description: Option<String>,
    /// What is known about it, an object or nothing; the test's own keys go before the default test's.
    pub metadata: Value,
    pub asserts: Vec<CheckSpec>,
    pub threshold: Option<f64>,
    pub prefix: String,
    pub suffix: String,
    pub transform: Option<Transform>,
    /// Instead of the suite's.
    pub repeat: Option<u32>,
    pub prompts: Option<Vec<String>>,
    pub providers: Option<Vec<String>>,
    pub provider: Option<Value>,
    pub provider_output: Option<Value>,
    /// Why it cannot be run here, if so.
    pub fault: Option<String>,
}

/// The cases of a suite, and the test that each belongs to.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub cases: Vec<(Vars, Arc<Test>)>,
}

/// Makes the cases of all tests and scenarios, tests first.
pub(crate) fn expand(default: &TestSpec, tests: &[TestSpec], scenarios: &[(ScenarioSpec, Vec<TestSpec>)], files: &Files) -> Result<Expanded, Error> {
    let mut all: Vec<TestSpec> = tests.to_vec();
    for (scenario, tests) in scenarios {
        let none = [TestSpec::default()];
        let tests = if tests.is_empty() { none.as_slice() } else { tests };
        all.extend(scenario.config.iter().flat_map(|data| tests.iter().map(|test| with_scenario(data, test))));
    }
    if all.is_empty() {
        all.push(TestSpec::default());
    }
    let mut expanded = Expanded::default();
    for (index, spec) in all.iter().enumerate() {
        let vars = merged(default.vars.as_ref(), spec.vars.as_ref());
        let combinations = combinations(&vars, spec.options.disable_var_expansion, files)?;
        let test = Arc::new(test_of(default, spec, index));
        expanded.cases.extend(combinations.into_iter().map(|vars| (vars, test.clone())));
    }
    Ok(expanded)
}

/// A test of a scenario with one of its sets; what the test says goes before what the set says.
fn with_scenario(data: &TestSpec, test: &TestSpec) -> TestSpec {
    TestSpec {
        vars: Some(Yaml::Mapping(merged(data.vars.as_ref(), test.vars.as_ref()))),
        assert: data.assert.iter().chain(&test.assert).cloned().collect(),
        options: options(&data.options, &test.options),
        description: test.description.clone().or_else(|| data.description.clone()),
        provider: test.provider.clone().or_else(|| data.provider.clone()),
        providers: test.providers.clone().or_else(|| data.providers.clone()),
        prompts: test.prompts.clone().or_else(|| data.prompts.clone()),
        provider_output: test.provider_output.clone().or_else(|| data.provider_output.clone()),
        assert_scoring_function: test.assert_scoring_function.clone().or_else(|| data.assert_scoring_function.clone()),
        threshold: test.threshold.or(data.threshold),
        metadata: test.metadata.clone().or_else(|| data.metadata.clone()),
    }
}

fn test_of(default: &TestSpec, spec: &TestSpec, index: usize) -> Test {
    let options = options(&default.options, &spec.options);
    let defaults = if spec.options.disable_default_asserts { &[] } else { default.assert.as_slice() };
    let asserts: Vec<CheckSpec> = graded(&defaults.iter().chain(&spec.assert).cloned().collect::<Vec<_>>(), &options);
    let mut fault = fault_of(default, spec, &options);
    if spec.threshold.or(default.threshold).is_some() && asserts.is_empty() {
        fault.get_or_insert_with(|| "a threshold needs assertions to hold it against".to_owned());
    }
    let transform = options.transform.as_deref().and_then(|code| {
        let read = Transform::parse(code);
        if let Err(error) = &read {
            fault.get_or_insert_with(|| error.clone());
        }
        read.ok()
    });
    Test {
        index,
        description: spec.description.clone(),
        metadata: metadata(default.metadata.as_ref(), spec.metadata.as_ref()),
        asserts,
        threshold: spec.threshold.or(default.threshold),
        prefix: options.prefix.unwrap_or_default(),
        suffix: options.suffix.unwrap_or_default(),
        transform,
        repeat: options.repeat,
        prompts: spec.prompts.clone().or_else(|| default.prompts.clone()),
        providers: spec.providers.clone().or_else(|| default.providers.clone()),
        provider: spec.provider.clone().or_else(|| default.provider.clone()),
        provider_output: spec.provider_output.clone().or_else(|| default.provider_output.clone()),
        fault,
    }
}

/// Key by key, the test's metadata go before the defaults.
fn metadata(default: Option<&Value>, own: Option<&Value>) -> Value {
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut merged = fields(default);
    merged.extend(fields(own));
    Value::Object(merged)
}

/// What a test asks for that does not run here.
fn fault_of(default: &TestSpec, spec: &TestSpec, options: &TestOptions) -> Option<String> {
    if spec.assert_scoring_function.is_some() || default.assert_scoring_function.is_some() {
        return Some("assertScoringFunction is code that does not run here".to_owned());
    }
    if options.transform_vars.is_some() {
        return Some("transformVars is code that does not run here; write the variables out".to_owned());
    }
    options.store_output_as.as_ref().map(|_| "storeOutputAs does not run here: cases are answered side by side".to_owned())
}

/// Key by key, the test's options go before the defaults.
fn options(default: &TestOptions, own: &TestOptions) -> TestOptions {
    let pick = |own: &Option<String>, default: &Option<String>| own.clone().or_else(|| default.clone());
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    TestOptions {
        prefix: filled(&own.prefix).or_else(|| default.prefix.clone()),
        suffix: filled(&own.suffix).or_else(|| default.suffix.clone()),
        transform: pick(&own.transform, &default.transform),
        transform_vars: pick(&own.transform_vars, &default.transform_vars),
        store_output_as: pick(&own.store_output_as, &default.store_output_as),
        repeat: own.repeat.or(default.repeat),
        provider: own.provider.clone().or_else(|| default.provider.clone()),
        rubric_prompt: own.rubric_prompt.clone().or_else(|| default.rubric_prompt.clone()),
        disable_default_asserts: own.disable_default_asserts,
        disable_var_expansion: own.disable_var_expansion,
        ..TestOptions::default()
    }
}

fn merged(first: Option<&Yaml>, second: Option<&Yaml>) -> Mapping {
    let fields = |value: Option<&Yaml>| value.and_then(Yaml::as_mapping).cloned().unwrap_or_default();
    let mut vars = fields(first);
    vars.extend(fields(second));
    vars
}

/// Spreads lists of texts, the last variable fastest; a list of anything else is one value.
fn combinations(vars: &Mapping, as_they_are: bool, files: &Files) -> Result<Vec<Vars>, Error> {
    let mut all = vec![Vars::new()];
    for (key, value) in vars {
        let (key, value) = (js::text(&json(key)?), json(value)?);
        let values = match &value {
            Value::Array(items) if !as_they_are && items.first().is_some_and(Value::is_string) => items.clone(),
            Value::String(name) if !as_they_are && name.starts_with("file://") => files_of(&key, name, files)?,
            _ => vec![value],
        };
        let with = |(vars, value): (&Vars, &Value)| {
            let mut vars = vars.clone();
            vars.insert(key.clone(), value.clone());
            vars
        };
        let pairs = all.iter().flat_map(|vars| values.iter().map(move |value| (vars, value)));
        all = pairs.map(with).collect();
        if all.len() > CASES_MAX {
            return Err(Error::config(format!("the lists of variables spread into more than {CASES_MAX} cases")));
        }
    }
    all.into_iter().map(|vars| vars.into_iter().map(|(key, value)| Ok((key, from_file(value, files)?))).collect()).collect()
}

fn json(value: &Yaml) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::config(format!("a variable cannot be written as JSON: {error}")))
}

fn files_of(key: &str, name: &str, files: &Files) -> Result<Vec<Value>, Error> {
    let pattern = name.trim_start_matches("file://");
    let found = files.bases().iter().map(|base| glob::files(base, pattern)).find(|found| !found.is_empty());
    let found = found.ok_or_else(|| Error::config(format!("variable {key:?}: there is no file {pattern:?} beside the suite")))?;
    Ok(found.iter().map(|path| Value::String(format!("file://{}", path.display()))).collect())
}

/// The content of a file that a variable names: YAML as JSON, text without the white space around it.
fn from_file(value: Value, files: &Files) -> Result<Value, Error> {
    let Some(name) = value.as_str().and_then(|text| text.strip_prefix("file://")) else { return Ok(value) };
    let path = files.find("variable", name)?;
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if matches!(extension, "js" | "mjs" | "cjs" | "ts" | "py" | "pdf" | "png" | "jpg" | "jpeg" | "gif" | "mp3" | "wav" | "mp4") {
        return Err(Error::config(format!("variable: {name} is code or no text; write its value into a text file")));
    }
    let text = files.text(&path)?;
    if matches!(extension, "yaml" | "yml") {
        let value: Value = serde_yaml_ng::from_str(&text).map_err(|error| Error::config(format!("{name}: {error}")))?;
        return Ok(Value::String(crate::js::json(&value)));
    }
    Ok(Value::String(text.trim().to_owned()))
}
