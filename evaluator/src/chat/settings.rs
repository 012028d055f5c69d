//! Settings of a model behind an endpoint in promptfoo's words: what is for us, and what goes into every request as it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::keys::{explain_message, nearest, unknown};
use crate::spec::{ModelSpec, PriceSpec};

/// Settings that are for us; the endpoint never sees them.
const OURS: &[&str] = &[
    "apiBaseUrl",
    "apiHost",
    "apiKey",
    "apiKeyEnvar",
    "apiKeyRequired",
    "cost",
    "headers",
    "inputCost",
    "maxRetries",
    "omitDefaults",
    "organization",
    "outputCost",
    "price",
    "showThinking",
    "stream",
];

/// What requests are known to hold: OpenAI's fields, and those of servers that speak its language.
const OF_REQUESTS: &[&str] = &[
    "audio",
    "chat_template_kwargs",
    "frequency_penalty",
    "function_call",
    "functions",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "json_schema",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "min_p",
    "min_tokens",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "reasoning_format",
    "repeat_penalty",
    "repetition_penalty",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Fields of a request that [`ModelSpec`] holds by name.
const BY_NAME: [&str; 4] = ["temperature", "top_p", "max_tokens", "seed"];
/// Settings of promptfoo's that run code.
const CODE: [&str; 2] = ["functionToolCallbacks", "mcp"];

/// Settings of a model, read out of a provider's `config`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChatSpec {
    pub model: ModelSpec,
    /// Name of the model, where it goes before the one in the provider's id.
    pub name: Option<String>,
    /// What goes into the body of every request as it is.
    pub body: Map<String, Value>,
    pub headers: BTreeMap<String, String>,
    pub attempts_max: Option<u32>,
    /// Whether what a model thought stands before what it said.
    pub shows_thinking: bool,
    /// What is probably misspelled; the endpoint has to tell.
    pub doubts: Vec<String>,
}

impl From<ModelSpec> for ChatSpec {
    fn from(model: ModelSpec) -> Self {
        Self { model, ..Self::default() }
    }
}

/// The settings that are for us, in promptfoo's words where karat has none.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Ours {
    api_base_url: Option<String>,
    api_host: Option<String>,
    api_key: Option<String>,
    api_key_envar: Option<String>,
    /// Dollars a token, of input and output alike.
    cost: Option<f64>,
    input_cost: Option<f64>,
    output_cost: Option<f64>,
    price: Option<PriceSpec>,
    headers: BTreeMap<String, String>,
    organization: Option<String>,
    max_retries: Option<u32>,
    show_thinking: bool,
}

impl ChatSpec {
    /// Reads a provider's `config`; what nobody knows goes to the endpoint, unless it is nearly one of our own keys.
    pub(crate) fn read(place: &str, config: Option<&Value>) -> Result<Self, Error> {
        let wrong = |what: &str| Error::config(format!("{place}: config: {what}"));
        let mut config = match config {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(config)) => config.clone(),
            Some(_) => return Err(wrong("it is a mapping")),
        };
        match config.remove("passthrough") {
            Some(Value::Object(passthrough)) => config.extend(passthrough),
            Some(_) => return Err(wrong("passthrough is a mapping")),
            None => {}
        }
        let (ours, mut body): (Map<_, _>, Map<_, _>) = config.into_iter().partition(|(key, _)| OURS.contains(&key.as_str()));
        let mut doubts = Vec::new();
        for key in body.keys().filter(|key| !OF_REQUESTS.contains(&key.as_str()) && !CODE.contains(&key.as_str())) {
            if nearest(key, OURS.iter().copied()).is_some() {
                return Err(wrong(&unknown("key", key, OURS)));
            }
            if let Some(right) = nearest(key, OF_REQUESTS.iter().copied()) {
                doubts.push(format!("key {key:?} in the config of {place} is sent to the endpoint as it is; did you mean {right:?}?"));
            }
        }
        let name = body.remove("model").and_then(|name| name.as_str().map(str::to_owned));
        let by_name: Map<_, _> = BY_NAME.iter().filter_map(|key| body.remove_entry(*key)).collect();
        let told = |error: serde_json::Error| wrong(&explain_message(&error.to_string()));
        let model: ModelSpec = serde_json::from_value(Value::Object(by_name)).map_err(told)?;
        let ours: Ours = serde_json::from_value(Value::Object(ours)).map_err(told)?;
        Ok(ours.into_spec(Self { model, name, body, doubts, ..Self::default() }))
    }

    /// The setting that would run code, which does not run here.
    pub(crate) fn code(&self) -> Option<&'static str> {
        CODE.into_iter().find(|key| self.body.contains_key(*key))
    }
}

impl Ours {
    fn into_spec(self, spec: ChatSpec) -> ChatSpec {
        let price = || {
            let (input, output) = (self.input_cost.or(self.cost)?, self.output_cost.or(self.cost)?);
            Some(PriceSpec { input: 1e6 * input, output: 1e6 * output })
        };
        let price = self.price.or_else(price);
        let api_base_url = self.api_base_url.or_else(|| self.api_host.map(|host| format!("https://{host}/v1")));
        let api_key = self.api_key.or_else(|| self.api_key_envar.map(|name| format!("{{{{env.{name}}}}}")));
        let organization = self.organization.map(|name| ("OpenAI-Organization".to_owned(), name));
        ChatSpec {
            model: ModelSpec { api_base_url, api_key, price, ..spec.model },
            headers: self.headers.into_iter().chain(organization).collect(),
            attempts_max: self.max_retries.map(|retries| retries.saturating_add(1)),
            shows_thinking: self.show_thinking,
            ..spec
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: &Value) -> Result<ChatSpec, String> {
        ChatSpec::read("p", Some(config)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_for_the_endpoint_stays_as_it_is() {
        let config = json!({"temperature": 0.2, "max_tokens": 5, "tools": [{"type": "function"}], "stop": ["x"], "top_k": 3, "vendor_flag": true,
            "apiKeyEnvar": "KEY", "organization": "o", "maxRetries": 1, "cost": 0.000_001, "passthrough": {"seed": 7, "model": "other"}});
        let spec = read(&config).unwrap();
        assert_eq!((spec.model.temperature, spec.model.max_tokens, spec.model.seed), (Some(0.2), Some(5), Some(7)));
        assert_eq!((spec.model.api_key.as_deref(), spec.name.as_deref(), spec.attempts_max), (Some("{{env.KEY}}"), Some("other"), Some(2)));
        assert_eq!(spec.body.keys().collect::<Vec<_>>(), ["stop", "tools", "top_k", "vendor_flag"]);
        assert_eq!(spec.model.price.map(|price| price.output), Some(1.0));
        assert!(spec.doubts.is_empty() && spec.headers.contains_key("OpenAI-Organization"));
    }

    #[test]
    fn what_is_misspelled_is_named() {
        assert_eq!(read(&json!({"apiBaseURL": "x"})).unwrap_err(), "p: config: unknown key \"apiBaseURL\"; did you mean \"apiBaseUrl\"?");
        let doubts = read(&json!({"temperture": 1})).unwrap().doubts;
        assert_eq!(doubts, ["key \"temperture\" in the config of p is sent to the endpoint as it is; did you mean \"temperature\"?"]);
        assert!(read(&json!({"price": {"in": 1}})).unwrap_err().contains("unknown key \"in\""));
        assert_eq!(read(&json!({"mcp": {}})).unwrap().code(), Some("mcp"));
    }
}
