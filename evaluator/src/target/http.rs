//! An app that answers over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::chat::Connector;
use crate::dataset::Vars;
use crate::error::Error;
use crate::js;
use crate::promptfoo::transform::Transform;
use crate::script;
use crate::target::{Answer, Ask, Limits};
use crate::template::{Env, Template, expand_env, render};

/// Settings of an app, in promptfoo's words; `output`, `trace` and `retries` are karat's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct HttpSpec {
    /// Address, where the id is `http`.
    url: Option<String>,
    /// Method; POST where there is a body.
    method: Option<String>,
    headers: BTreeMap<String, String>,
    query_params: BTreeMap<String, String>,
    /// Body: JSON whose texts are templates, or a text that is one.
    body: Option<Value>,
    /// JMESPath of the answer in the response.
    output: Option<String>,
    /// promptfoo's way to the answer: a path is walked here, code runs by node.
    #[serde(alias = "responseParser")]
    transform_response: Option<String>,
    /// JMESPath of the app's own trace id in the response.
    trace: Option<String>,
    /// Milliseconds that a call may take.
    timeout_ms: Option<u64>,
    /// Calls after a failure that may pass.
    retries: Option<u32>,
    /// promptfoo's number of retries.
    max_retries: Option<u32>,
}

/// An app, ready to be asked.
#[derive(Debug)]
pub(crate) struct Http {
    spec: HttpSpec,
    url: Template,
    method: Method,
    env: BTreeMap<String, String>,
    output: Option<Way>,
    trace: Option<jmespath::Expression<'static>>,
    client: reqwest::Client,
}

/// How the answer is found in the response.
#[derive(Debug)]
enum Way {
    JmesPath(jmespath::Expression<'static>),
    Transform(Transform),
}

/// Why a call gave no answer, and whether another one might.
struct Failure {
    message: String,
    may_pass: bool,
    wait: Option<Duration>,
}

impl Http {
    pub(crate) fn new(place: &str, id: &str, spec: HttpSpec, connector: &Connector, env: Env<'_>) -> Result<Self, Error> {
        let wrong = |what: String| Error::config(format!("{place}: {what}"));
        let url = spec.url.clone().unwrap_or_else(|| id.to_owned());
        if !(url.starts_with("http://") || url.starts_with("https://") || url.starts_with("{{")) {
            return Err(wrong(format!("config.url {url:?} is no URL: it begins with http:// or https://")));
        }
        let method = spec.method.clone().unwrap_or_else(|| if spec.body.is_some() { "POST".to_owned() } else { "GET".to_owned() });
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).map_err(|_| wrong(format!("{method:?} is no method of HTTP")))?;
        if spec.body.is_none() && method != Method::GET {
            return Err(wrong(format!("a {method} needs config.body")));
        }
        let compile = |path: &String| jmespath::compile(path).map_err(|error| wrong(format!("{path:?} is no JMESPath: {error}")));
        let output = match (&spec.output, &spec.transform_response) {
            (Some(_), Some(_)) => return Err(wrong("write `output` or `transformResponse`, not both".to_owned())),
            (Some(path), None) => Some(Way::JmesPath(compile(path)?)),
            (None, Some(code)) => Some(Way::Transform(Transform::parse(code).map_err(wrong)?)),
            (None, None) => None,
        };
        let mut names = BTreeMap::new();
        let texts = spec.headers.values().chain(spec.query_params.values()).cloned().chain(spec.body.iter().flat_map(texts_in));
        for text in texts.collect::<Vec<_>>() {
            names.extend(Template::parse(&text, env)?.env().clone());
        }
        let trace = spec.trace.as_ref().map(compile).transpose()?;
        Ok(Self { url: Template::parse(&expand_known(&url, env)?, env)?, method, env: names, output, trace, client: connector.client(), spec })
    }

    /// Asks the app; what may pass is tried again.
    pub(crate) async fn answer(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, String> {
        let retries = self.spec.retries.or(self.spec.max_retries).unwrap_or(limits.attempts_max.saturating_sub(1));
        let mut attempt = 0;
        loop {
            match self.call(ask, limits).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.may_pass && attempt < retries => {
                    let pause = failure.wait.unwrap_or(limits.backoff * 2_u32.saturating_pow(attempt.min(10)));
                    tokio::time::sleep(pause.min(limits.timeout)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure.message),
            }
        }
    }

    async fn call(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, Failure> {
        let mut vars = ask.vars.clone();
        vars.insert("prompt".to_owned(), Value::String(ask.prompt.to_owned()));
        let begun = Instant::now();
        let timeout = self.spec.timeout_ms.map_or(limits.timeout, Duration::from_millis);
        let request = self.request(&vars, ask.traceparent).map_err(Failure::lasting)?.timeout(timeout);
        let response = request.send().await.map_err(|error| Failure::passing(format!("the app could not be reached: {}", without_url(error))))?;
        let status = response.status();
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let own_trace = response.headers().get("traceparent").and_then(|value| value.to_str().ok()?.split('-').nth(1).map(str::to_owned));
        let text = body_of(response, limits.bytes_max).await?;
        if !status.is_success() {
            let message = format!("the app answered {status}: {}", text.chars().take(200).collect::<String>());
            let may_pass = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            return Err(Failure { message, may_pass, wait });
        }
        let latency_ms = begun.elapsed().as_secs_f64() * 1e3;
        let parsed: Option<Value> = serde_json::from_str(&text).ok();
        let output = self.output(parsed.as_ref(), &text, ask.vars, timeout).await.map_err(Failure::lasting)?;
        let told = self.trace.as_ref().zip(parsed.as_ref()).and_then(|(path, body)| search(path, body).ok()?.as_str().map(str::to_owned));
        let sent = || ask.traceparent.split('-').nth(1).map(str::to_owned);
        Ok(Answer { output, latency_ms: Some(latency_ms), trace_id: told.or(own_trace).or_else(sent), ..Answer::default() })
    }

    fn request(&self, vars: &Vars, traceparent: &str) -> Result<reqwest::RequestBuilder, String> {
        let filled = |text: &String| render(text, vars, &self.env);
        let mut request = self.client.request(self.method.clone(), self.url.render(vars)?).header("traceparent", traceparent);
        for (name, value) in &self.spec.headers {
            request = request.header(name, filled(value)?);
        }
        let query = self.spec.query_params.iter().map(|(name, value)| Ok((name.clone(), filled(value)?))).collect::<Result<Vec<_>, String>>()?;
        if !query.is_empty() {
            request = request.query(&query);
        }
        Ok(match &self.spec.body {
            None => request,
            Some(Value::String(text)) => request.body(filled(text)?),
            Some(body) => request.json(&fill_in(body, vars, &self.env)?),
        })
    }

    /// The answer in a response: where the suite says, else the whole.
    async fn output(&self, parsed: Option<&Value>, text: &str, vars: &Vars, limit: Duration) -> Result<Value, String> {
        let whole = || parsed.cloned().unwrap_or_else(|| Value::String(text.to_owned()));
        let found = match &self.output {
            None => whole(),
            Some(Way::JmesPath(path)) => search(path, parsed.ok_or("the app's answer is not JSON")?)?,
            Some(Way::Transform(transform @ Transform::Path(_))) => transform.apply(&whole())?,
            Some(Way::Transform(Transform::Script(code))) => script::response(code, parsed, text, vars, limit).await?,
        };
        // promptfoo: a transform may give {output: ...}.
        let found = found.get("output").filter(|_| self.spec.transform_response.is_some()).cloned().unwrap_or(found);
        if found.is_null() { Err("the app's answer has nothing where the output should be".to_owned()) } else { Ok(found) }
    }
}

impl Failure {
    fn lasting(message: String) -> Self {
        Self { message, may_pass: false, wait: None }
    }

    fn passing(message: String) -> Self {
        Self { message, may_pass: true, wait: None }
    }
}

/// Reads a body that is no longer than it may be.
async fn body_of(response: Response, bytes_max: usize) -> Result<String, Failure> {
    let (mut bytes, mut stream) = (Vec::new(), response.bytes_stream());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Failure::passing(format!("the app's answer broke off: {}", without_url(error))))?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Failure::lasting(format!("the app's answer has more than {bytes_max} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Failure::lasting("the app's answer is not UTF-8".to_owned()))
}

/// An address may hold a key; it stays out of reports.
fn without_url(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}

fn search(path: &jmespath::Expression<'_>, body: &Value) -> Result<Value, String> {
    let found = path.search(body).map_err(|error| error.to_string())?;
    serde_json::to_value(&*found).map_err(|error| error.to_string())
}

/// Fills in the texts of a body; one that is nothing but a variable becomes its value, whatever that is.
fn fill_in(value: &Value, vars: &Vars, env: &BTreeMap<String, String>) -> Result<Value, String> {
    match value {
        Value::String(text) => {
            let name = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
            match name.and_then(|name| vars.get(name)) {
                Some(whole @ (Value::Array(_) | Value::Object(_))) => Ok(whole.clone()),
                Some(Value::String(text)) => Ok(Value::String(text.clone())),
                _ => render(text, vars, env).map(Value::String),
            }
        }
        Value::Array(items) => items.iter().map(|item| fill_in(item, vars, env)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| Ok((key.clone(), fill_in(value, vars, env)?))).collect(),
        other => Ok(js::normal(other)),
    }
}

fn texts_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts_in).collect(),
        Value::Object(fields) => fields.values().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

/// An address that names environment variables alone is filled in at once, so that a wrong one is told before anything runs.
fn expand_known(url: &str, env: Env<'_>) -> Result<String, Error> {
    let template = Template::parse(url, env)?;
    if template.variables().next().is_none() { expand_env(url, env) } else { Ok(template.text().to_owned()) }
}
