//! Calls of a model behind an OpenAI-compatible endpoint.

mod form;
mod wire;

use std::collections::HashMap;
#[cfg(feature = "embeddings")]
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Response, StatusCode};
use schema::NanoUsd;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::calls::{Again, Cache, CallError, Dispatcher, Failure, Job, retry_after};
use crate::config::EvaluatorConfig;
#[cfg(feature = "embeddings")]
use crate::embed::Bert;
use crate::error::Error;
use crate::judge::{Batch, Judge, Keeping};
use crate::spec::ModelSpec;
use crate::template::{Env, expand_env};

use form::{Form, Offer};
use wire::{answer_of, body, message_of};

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
    key: Option<Secret>,
    settings: ModelSpec,
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
    /// Whether the tokens of the answer are wanted with their probabilities; not every endpoint gives them.
    pub logprobs: bool,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Completion {
    pub text: String,
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
    pub cost: Option<NanoUsd>,
}

impl Usage {
    /// What asking `n` times used.
    pub(crate) fn times(self, n: u32) -> Self {
        let times = |count: Option<i64>| count.map(|count| count.saturating_mul(i64::from(n)));
        let cost = times(self.cost.map(|cost| cost.0)).map(NanoUsd);
        Self { input_tokens: times(self.input_tokens), output_tokens: times(self.output_tokens), cost }
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
        Arc::clone(dispatchers.entry(address.to_owned()).or_insert_with(|| Arc::new(Dispatcher::new(&self.config))))
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
    pub(crate) fn chat(&self, model: &str, settings: &ModelSpec, env: Env<'_>) -> Result<Option<Arc<Chat>>, Error> {
        let endpoint = self.endpoint(settings.api_base_url.as_deref(), settings.api_key.as_deref(), env)?;
        let Some((base, key)) = endpoint else { return Ok(None) };
        Ok(Some(Arc::new(Chat {
            model: model.to_owned(),
            url: format!("{base}/chat/completions"),
            key,
            settings: settings.clone(),
            http: self.http.clone(),
            answer_bytes_max: self.config.answer_bytes_max,
            dispatcher: self.dispatcher(&base),
            offer: Offer::default(),
        })))
    }
}

impl Chat {
    /// What an answer depends on beside the question.
    pub(crate) fn identity(&self) -> String {
        format!("{} {} {:?}", self.url, self.model, (self.settings.temperature, self.settings.top_p, self.settings.max_tokens, self.settings.seed))
    }

    /// The body of a request as a batch file has it: in the best form, which offline runners offer.
    pub(crate) fn batch_body(&self, request: &Request) -> Result<String, serde_json::Error> {
        body(&self.model, &self.settings, request, Form::Schema)
    }

    /// Asks the model; where the endpoint does not take the form of the question, in the next best one.
    pub(crate) async fn complete(&self, request: &Request) -> Result<Completion, CallError> {
        loop {
            let form = self.offer.form();
            let logprobs = request.logprobs && self.offer.has_log_probs();
            let asked = Request { logprobs, ..request.clone() };
            let body = body(&self.model, &self.settings, &asked, form).map_err(|error| CallError::Malformed(error.to_string()))?;
            let learned = |message: &str| (request.schema.is_some() || logprobs) && self.offer.refused(form, logprobs, message);
            match self.send(body).await {
                Err(CallError::Status { status: 400 | 404 | 422 | 500 | 501, message }) if learned(&message) => {}
                answered => return answered,
            }
        }
    }

    async fn send(&self, body: String) -> Result<Completion, CallError> {
        let estimated = u32::try_from(body.len() / 4).unwrap_or(u32::MAX).saturating_add(self.settings.max_tokens.unwrap_or(ANSWER_TOKENS));
        let given = self.dispatcher.run(Job { name: &body, tokens: estimated }, || self.call(&body)).await?;
        let usage = given.value.usage;
        let used = usage.input_tokens.zip(usage.output_tokens).map(|(input, output)| input.saturating_add(output));
        self.dispatcher.settle(estimated, used);
        // Whoever was asked twice is paid twice, though one answer was not waited for.
        Ok(Completion { usage: usage.times(given.n_asked), latency_ms: given.took.as_secs_f64() * 1e3, ..given.value })
    }

    /// One attempt.
    async fn call(&self, body: &str) -> Result<Completion, Failure> {
        let bytes = post(&self.http, &self.url, self.key.as_ref(), body.to_owned(), self.answer_bytes_max).await?;
        answer_of(&bytes, self.settings.price).map_err(|what| Failure::passing(CallError::Malformed(what)))
    }
}

/// Reads the body of an answer out of a batch file, whose price is not known.
pub(crate) fn batch_answer(body: &[u8]) -> Result<Completion, String> {
    answer_of(body, None)
}

/// Posts JSON, and reads the answer up to its bound.
pub(crate) async fn post(http: &reqwest::Client, url: &str, key: Option<&Secret>, body: String, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut request = http.post(url).header("content-type", "application/json").body(body);
    if let Some(Secret(key)) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.map_err(|error| Failure::passing(CallError::Unreachable(innermost(&error))))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = read(response, bytes_max).await?;
    if status.is_success() {
        return Ok(bytes);
    }
    let may_pass = status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let again = match retry_after(&headers) {
        _ if !may_pass => Again::Never,
        Some(pause) => Again::After(pause),
        None => Again::Later,
    };
    Err(Failure { error: CallError::Status { status: status.as_u16(), message: message_of(&bytes) }, again })
}

async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::passing(CallError::Unreachable(innermost(&error))))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Failure::lasting(CallError::Malformed(format!("it has more than {bytes_max} bytes"))));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// reqwest's own message hides what happened; the innermost cause says it.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
