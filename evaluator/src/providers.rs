//! The providers of a suite, and those that tests name instead.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::cases::Plan;
use crate::chat::Connector;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::promptfoo::transform::Transform;
use crate::spec::{ProviderSpec, TextOr};
use crate::target::Target;
use crate::template::Env;

/// Where answers come from, with what reports call it.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub id: String,
    pub label: String,
    pub target: Target,
    /// Labels of the prompts that it is asked; all where none is named.
    pub prompts: Option<Vec<String>>,
    pub transform: Option<Transform>,
}

/// Reads the providers of a suite.
pub(crate) fn providers(
    specs: &[TextOr<ProviderSpec>],
    dataset: &Dataset,
    connector: &Connector,
    directory: &Path,
    env: Env<'_>,
) -> Result<Vec<Provider>, Error> {
    if specs.is_empty() {
        return Err(Error::config("providers is empty; name one, such as dataset:answer"));
    }
    let read = |spec: &TextOr<ProviderSpec>| {
        let spec = named(spec)?;
        let target = Target::parse(&spec.id, spec.config.as_ref(), dataset, connector, directory, env)?;
        let transform = spec.transform.as_deref().map(Transform::parse).transpose().map_err(Error::config)?;
        Ok(Provider { label: spec.label.unwrap_or_else(|| spec.id.clone()), id: spec.id, target, prompts: spec.prompts, transform })
    };
    specs.iter().map(read).collect()
}

/// A provider with its id; `sql: select ...` is short for the id `sql:select ...`.
fn named(spec: &TextOr<ProviderSpec>) -> Result<ProviderSpec, Error> {
    match spec {
        TextOr::Text(id) => Ok(ProviderSpec { id: id.clone(), ..ProviderSpec::default() }),
        TextOr::Map(spec) => match (&spec.sql, spec.id.is_empty()) {
            (None, false) => Ok(spec.clone()),
            (Some(sql), true) => Ok(ProviderSpec { id: format!("sql:{sql}"), ..spec.clone() }),
            _ => Err(Error::config("a provider needs `id`, such as openai:chat:<model>, or `sql` with a SELECT, one of the two")),
        },
    }
}

/// Targets of tests that name a provider of their own.
pub(crate) fn overrides(
    plans: &[Plan],
    dataset: &Dataset,
    connector: &Connector,
    directory: &Path,
    env: Env<'_>,
) -> Result<BTreeMap<usize, Target>, Error> {
    let mut overrides = BTreeMap::new();
    for test in plans.iter().map(|plan| &plan.test) {
        let Some(provider) = test.provider.as_ref().filter(|_| !overrides.contains_key(&test.index)) else { continue };
        let id = provider.as_str().or_else(|| provider.get("id").and_then(Value::as_str));
        let id = id.ok_or_else(|| Error::config(format!("tests[{}].provider needs an id", test.index)))?;
        overrides.insert(test.index, Target::parse(id, provider.get("config"), dataset, connector, directory, env)?);
    }
    Ok(overrides)
}
