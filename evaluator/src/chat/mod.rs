//! Calls of a model behind an OpenAI-compatible endpoint.

mod form;
mod settings;
mod wire;

use std::collections::HashMap;
#[cfg(feature = "embeddings")]
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use schema::NanoUsd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::calls::{Cache, CallError, Dispatcher, Failure, Job, exchange};
use crate::config::EvaluatorConfig;
#[cfg(feature = "embeddings")]
use crate::embed::Bert;
use crate::error::Error;
use crate::judge::{Batch, Judge, Keeping};
use crate::price::Pricing;
use crate::template::{Env, expand_env};

use form::{Form, Offer};
use wire::{answer_of, body, output_of};

pub(crate) use settings::ChatSpec;
pub(crate) use wire::finish_reason;

/// Tokens that an answer is thought to have where nothing bounds it.
const ANSWER_TOKENS: u32 = 256;

/// Makes endpoints that share one HTTP client, and one dispatcher an address.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: reqwest::Client,
    config: EvaluatorConfig,
    dispatchers: Arc<Mutex<HashMap<String, Arc<Dispatcher>>>>,
    cache: Arc<OnceLock<Option<Cache>>>,
    batch: Arc<Batch>,
    /// Models that run in process, by their directory.
    #[cfg(feature = "embeddings")]
    models: Arc<Mutex<HashMap<PathBuf, Bert>>>,
}

/// A model behind an endpoint, with its settings.
#[derive(Debug)]
pub(crate) struct Chat {
    /// Name of the model.
    pub model: String,
    url: String,
    /// The key, and what else the suite wants in the head of every request.
    headers: HeaderMap,
    spec: ChatSpec,
    pricing: Pricing,
    http: reqwest::Client,
    answer_bytes_max: usize,
    dispatcher: Arc<Dispatcher>,
    offer: Offer,
}

/// A key; it is never printed.
#[derive(Clone)]
pub(crate) struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is asked of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Messages as the wire has them: `{role, content}`.
    pub messages: Vec<Value>,
    /// Seed that goes before the settings'.
    pub seed: Option<i64>,
    /// JSON schema of the answer.
    pub schema: Option<Box<RawValue>>,
    /// Temperature that goes before the settings'.
    pub temperature: Option<f64>,
    /// What is wanted of the tokens' probabilities; not every endpoint gives them.
    pub log_probs: LogProbs,
    /// W3C trace context of the call, so that the endpoint's spans can be found again.
    pub traceparent: Option<String>,
}

/// What is wanted of the probabilities of an answer's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogProbs {
    /// Nothing.
    #[default]
    Unwanted,
    /// Those of the tokens that stand there.
    Chosen,
    /// Those of what could have stood there, too.
    WithAlternatives,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Completion {
    pub text: String,
    /// The message as it came: its text, its calls of tools, its thoughts.
    pub message: Value,
    pub finish_reason: Option<String>,
    /// The tokens of the text, where they were asked for and given.
    pub tokens: Option<Vec<Token>>,
    pub usage: Usage,
    pub latency_ms: f64,
    /// Whether it was answered before, and cost nothing now.
    pub is_cached: bool,
}

/// A token of an answer, with what could have stood in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub text: String,
    pub log_prob: f64,
    /// Alternatives with their log-probabilities, itself among them.
    pub top: Vec<(String, f64)>,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    /// Of the input, tokens that the provider had in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<i64>,
    pub cost: Option<NanoUsd>,
}

impl Usage {
    /// What asking `n` times used.
    pub(crate) fn times(self, n: u32) -> Self {
        let times = |count: Option<i64>| count.map(|count| count.saturating_mul(i64::from(n)));
        let cost = times(self.cost.map(|cost| cost.0)).map(NanoUsd);
        let [input_tokens, output_tokens, cached_tokens] = [self.input_tokens, self.output_tokens, self.cached_tokens].map(times);
        Self { input_tokens, output_tokens, cached_tokens, cost }
    }
}

impl Connector {
    pub(crate) fn new(config: EvaluatorConfig) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(config.call_timeout_s))
            .connect_timeout(Duration::from_secs(config.call_timeout_s.min(10)))
            // A redirect would carry the key to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            config,
            dispatchers: Arc::default(),
            cache: Arc::default(),
            batch: Arc::default(),
            #[cfg(feature = "embeddings")]
            models: Arc::default(),
        })
    }

    /// The HTTP client, for targets that are no models.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// The settings that calls are made with.
    pub(crate) fn config(&self) -> &EvaluatorConfig {
        &self.config
    }

    /// The dispatcher of an address, which all that is sent there shares.
    pub(crate) fn dispatcher(&self, address: &str) -> Arc<Dispatcher> {
        let mut dispatchers = self.dispatchers.lock();
        Arc::clone(dispatchers.entry(address.to_owned()).or_insert_with(|| Arc::new(Dispatcher::new(&shown(address), &self.config))))
    }

    /// Where judges' answers are kept; opened when the first judge is made.
    fn cache(&self) -> Option<&Cache> {
        let calls = &self.config.calls;
        self.cache.get_or_init(|| Cache::open(&calls.work_dir.join("judged"), calls.cache_bytes_max)).as_ref()
    }

    /// Where judges' answers are kept, once a judge was made.
    pub(crate) fn opened_cache(&self) -> Option<Cache> {
        self.cache.get().cloned().flatten()
    }

    /// Where questions are collected that can wait.
    pub(crate) fn batch(&self) -> Arc<Batch> {
        Arc::clone(&self.batch)
    }

    /// A judge whose answers are kept, where they may be.
    pub(crate) fn keeping(&self, judge: Arc<dyn Judge>) -> Arc<dyn Judge> {
        match self.cache() {
            Some(cache) => Arc::new(Keeping::new(judge, cache.clone(), self.batch())),
            None => judge,
        }
    }

    /// A model in a directory, loaded once however many checks use it.
    #[cfg(feature = "embeddings")]
    pub(crate) fn local_model(&self, directory: &Path) -> Result<Bert, Error> {
        let mut models = self.models.lock();
        if let Some(model) = models.get(directory) {
            return Ok(model.clone());
        }
        let model = Bert::load(directory)?;
        models.insert(directory.to_owned(), model.clone());
        Ok(model)
    }

    /// The base address and the key of an endpoint; nothing where none is configured.
    pub(crate) fn endpoint(&self, base: Option<&str>, key: Option<&str>, env: Env<'_>) -> Result<Option<(String, Option<Secret>)>, Error> {
        let given = |setting: Option<&str>, name: &str| match setting {
            Some(text) => expand_env(text, env),
            None => Ok(env(name).unwrap_or_default()),
        };
        let base = given(base, "OPENAI_BASE_URL")?;
        let key = Some(given(key, "OPENAI_API_KEY")?).filter(|key| !key.is_empty()).map(Secret);
        let base = base.trim().trim_end_matches('/').to_owned();
        if base.is_empty() {
            return Ok(None);
        }
        if !(base.starts_with("http://") || base.starts_with("https://")) {
            return Err(Error::config(format!("apiBaseUrl {base:?} is no URL: it begins with http:// or https://")));
        }
        Ok(Some((base, key)))
    }

    /// Makes a model out of `openai:chat:<model>` and its settings; nothing where no endpoint is configured.
    pub(crate) fn chat(&self, model: &str, spec: &ChatSpec, env: Env<'_>) -> Result<Option<Arc<Chat>>, Error> {
        let endpoint = self.endpoint(spec.model.api_base_url.as_deref(), spec.model.api_key.as_deref(), env)?;
        let Some((base, key)) = endpoint else { return Ok(None) };
        let model = spec.name.as_deref().unwrap_or(model);
        Ok(Some(Arc::new(Chat {
            model: model.to_owned(),
            url: format!("{base}/chat/completions"),
            headers: headers(key.as_ref(), spec, env)?,
            spec: spec.clone(),
            pricing: Pricing::at(&base, model, spec.model.price, &self.config.prices),
            http: self.http.clone(),
            answer_bytes_max: self.config.answer_bytes_max,
            dispatcher: self.dispatcher(&base),
            offer: Offer::default(),
        })))
    }
}

/// What stands in the head of every request.
fn headers(key: Option<&Secret>, spec: &ChatSpec, env: Env<'_>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, bearer(key)?);
    }
    for (name, text) in &spec.headers {
        let wrong = || Error::config(format!("header {name:?} is none that can be sent"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.insert(header, HeaderValue::from_str(&expand_env(text, env)?).map_err(|_| wrong())?);
    }
    Ok(headers)
}

/// The header that shows a key.
fn bearer(key: &Secret) -> Result<HeaderValue, Error> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.0)).map_err(|_| Error::config("the key of an endpoint is no text for a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An address without what may be a key: its origin. What is no address stays as it is.
fn shown(address: &str) -> String {
    reqwest::Url::parse(address).ok().filter(reqwest::Url::has_host).map_or_else(|| address.to_owned(), |url| url.origin().ascii_serialization())
}

impl Chat {
    /// What an answer depends on beside the question.
    pub(crate) fn identity(&self) -> String {
        let (model, body) = (&self.spec.model, &self.spec.body);
        let more = if body.is_empty() { String::new() } else { format!(" {}", Value::Object(body.clone())) };
        format!("{} {} {:?}{more}", self.url, self.model, (model.temperature, model.top_p, model.max_tokens, model.seed))
    }

    /// The body of a request as a batch file has it: in the best form, which offline runners offer.
    pub(crate) fn batch_body(&self, request: &Request) -> Result<String, serde_json::Error> {
        body(&self.model, &self.spec, request, Form::Schema)
    }

    /// What a completion is as the answer to a prompt: text, calls of tools or what a schema made of it.
    pub(crate) fn output(&self, completion: &Completion) -> Value {
        output_of(&completion.message, &self.spec)
    }

    /// Asks the model; where the endpoint does not take the form of the question, in the next best one.
    pub(crate) async fn complete(&self, request: &Request) -> Result<Completion, CallError> {
        loop {
            let form = self.offer.form();
            let log_probs = if self.offer.has_log_probs() { request.log_probs } else { LogProbs::Unwanted };
            let wants_log_probs = log_probs != LogProbs::Unwanted;
            let asked = Request { log_probs, ..request.clone() };
            let body = body(&self.model, &self.spec, &asked, form).map_err(|error| CallError::Malformed(error.to_string()))?;
            let learned = |message: &str| match request.schema {
                Some(_) => self.offer.refused(form, wants_log_probs, message),
                None => wants_log_probs && self.offer.refused_log_probs(message),
            };
            match self.send(body, request.traceparent.as_deref()).await {
                Err(CallError::Status { status: 400 | 404 | 422 | 500 | 501, message }) if learned(&message) => {}
                answered => return answered,
            }
        }
    }

    async fn send(&self, body: String, traceparent: Option<&str>) -> Result<Completion, CallError> {
        let estimated = u32::try_from(body.len() / 4).unwrap_or(u32::MAX).saturating_add(self.spec.model.max_tokens.unwrap_or(ANSWER_TOKENS));
        let job = Job { name: &body, tokens: estimated, attempts_max: self.spec.attempts_max, ..Job::default() };
        let given = self.dispatcher.run(job, || self.call(&body, traceparent)).await?;
        let usage = given.value.usage;
        let used = usage.input_tokens.zip(usage.output_tokens).map(|(input, output)| input.saturating_add(output));
        self.dispatcher.settle(estimated, used);
        // Whoever was asked twice is paid twice, though one answer was not waited for.
        let usage = self.pricing.priced(usage).times(given.n_asked);
        Ok(Completion { usage, latency_ms: given.took.as_secs_f64() * 1e3, ..given.value })
    }

    /// One attempt.
    async fn call(&self, body: &str, traceparent: Option<&str>) -> Result<Completion, Failure> {
        let mut request = self.http.post(&self.url).headers(self.headers.clone()).body(body.to_owned());
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let request = request.build().map_err(|error| Failure::lasting(CallError::Unreachable(error.without_url().to_string())))?;
        let received = exchange(&self.http, request, self.answer_bytes_max).await?;
        answer_of(&received.bytes).map_err(|what| Failure::passing(CallError::Malformed(what)))
    }
}

/// Reads the body of an answer out of a batch file, whose price is not known.
pub(crate) fn batch_answer(body: &[u8]) -> Result<Completion, String> {
    answer_of(body)
}
