//! An app that answers over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Request};
use serde::Deserialize;
use serde_json::Value;

use crate::calls::{CallError, Dispatcher, Failure, Job, Straggler, exchange};
use crate::chat::Connector;
use crate::dataset::Vars;
use crate::error::Error;
use crate::js;
use crate::promptfoo::transform::Transform;
use crate::script;
use crate::spec::PriceSpec;
use crate::target::told::Told;
use crate::target::{Answer, Ask, Limits, trace_id_in};
use crate::template::{Env, Template, expand_env, render};

/// Settings of an app, in promptfoo's words; `output`, `trace`, `cost`, `usage`, `price` and `retries` are karat's.
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
    /// JMESPath of what the answer cost, in dollars.
    cost: Option<String>,
    /// JMESPath of an object with the tokens that were used.
    usage: Option<String>,
    /// Price of a million of these tokens, where the app does not say what it cost.
    price: Option<PriceSpec>,
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
    told: Told,
    client: reqwest::Client,
    dispatcher: Arc<Dispatcher>,
}

/// How the answer is found in the response.
#[derive(Debug)]
enum Way {
    JmesPath(jmespath::Expression<'static>),
    Transform(Transform),
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
        let path = |path: &Option<String>| path.as_ref().map(compile).transpose();
        let told = Told { trace: path(&spec.trace)?, cost: path(&spec.cost)?, usage: path(&spec.usage)?, price: spec.price };
        let mut names = BTreeMap::new();
        let texts = spec.headers.values().chain(spec.query_params.values()).cloned().chain(spec.body.iter().flat_map(texts_in));
        for text in texts.collect::<Vec<_>>() {
            names.extend(Template::parse(&text, env)?.env().clone());
        }
        let url = Template::parse(&expand_known(&url, env)?, env)?;
        let dispatcher = connector.dispatcher(&origin_of(url.text()));
        Ok(Self { url, method, env: names, output, told, client: connector.client(), dispatcher, spec })
    }

    /// Asks the app, by the way that all calls of its origin take; what may pass is tried again.
    pub(crate) async fn answer(&self, ask: &Ask<'_>, limits: Limits) -> Result<Answer, String> {
        let timeout = self.spec.timeout_ms.map_or(limits.timeout, Duration::from_millis);
        let request = self.request(ask, timeout)?;
        let job = Job {
            name: ask.traceparent,
            attempts_max: self.spec.retries.or(self.spec.max_retries).map(|retries| retries.saturating_add(1)),
            straggler: Straggler::Await,
            ..Job::default()
        };
        let call = || async {
            let request = request.try_clone().ok_or_else(|| Failure::lasting(CallError::Unreachable("its body cannot be sent twice".to_owned())))?;
            let received = exchange(&self.client, request, limits.bytes_max).await.map_err(Failure::once_if_late)?;
            Ok((received.headers.get("traceparent").cloned(), received.text()?))
        };
        let given = self.dispatcher.run(job, call).await.map_err(|error| error.to_string())?;
        let (traceparent, text) = given.value;
        let parsed: Option<Value> = serde_json::from_str(&text).ok();
        let output = self.output(parsed.as_ref(), &text, ask.vars, timeout).await?;
        let own_trace = || traceparent.and_then(|value| trace_id_in(value.to_str().ok()?));
        Ok(Answer {
            output,
            latency_ms: Some(given.took.as_secs_f64() * 1e3),
            usage: self.told.usage(parsed.as_ref()),
            trace_id: self.told.trace_id(parsed.as_ref()).or_else(own_trace).or_else(|| ask.trace_id()),
            ..Answer::default()
        })
    }

    fn request(&self, ask: &Ask<'_>, timeout: Duration) -> Result<Request, String> {
        let mut vars = ask.vars.clone();
        vars.insert("prompt".to_owned(), Value::String(ask.prompt.to_owned()));
        let filled = |text: &String| render(text, &vars, &self.env);
        let mut request = self.client.request(self.method.clone(), self.url.render(&vars)?).header("traceparent", ask.traceparent);
        for (name, value) in &self.spec.headers {
            request = request.header(name, filled(value)?);
        }
        let query = self.spec.query_params.iter().map(|(name, value)| Ok((name.clone(), filled(value)?))).collect::<Result<Vec<_>, String>>()?;
        if !query.is_empty() {
            request = request.query(&query);
        }
        let request = match &self.spec.body {
            None => request,
            Some(Value::String(text)) => request.body(filled(text)?),
            Some(body) => request.json(&fill_in(body, &vars, &self.env)?),
        };
        request.timeout(timeout).build().map_err(|error| format!("the app cannot be asked: {}", error.without_url()))
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

pub(super) fn search(path: &jmespath::Expression<'_>, body: &Value) -> Result<Value, String> {
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

/// What an app's address has in common for all of its cases: scheme, host and port, as far as no variable stands in them.
fn origin_of(url: &str) -> String {
    let known = url.split("{{").next().unwrap_or_default();
    reqwest::Url::parse(known).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}
