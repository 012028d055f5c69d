//! The webhook: one POST a notice, of JSON or of a template of the user's, signed.

use async_trait::async_trait;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address::Allowed;
use super::hmac::hmac_sha256;
use super::http::{Post, Retry, Taken, shown};
use super::{Notice, Notifier, NotifyError};

/// Settings of one webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Where notices are posted, `http` or `https`.
    pub url: String,
    /// Environment variable with the secret that signs each body (`x-karat-signature: sha256=<hex of HMAC-SHA256>`). Default: no signature.
    #[serde(default)]
    pub secret_env: Option<String>,
    /// Body as a Jinja template over the fields of a notice; in a JSON body every `{{ value }}` is written as JSON, quotes and all. Default: the notice as JSON.
    #[serde(default)]
    pub body: Option<String>,
    /// Type of the body. Default `application/json`.
    #[serde(default = "default_content_type")]
    pub content_type: String,
    /// Words that a 2xx answer must contain to be believed, such as `accepted`. Default: every 2xx answer is, but for one that says that it failed:
    /// a page of HTML (a login on the way), or JSON whose `ok` or `success` is false or whose `error` or `errors` is not empty.
    #[serde(default)]
    pub expect: Option<String>,
    /// How long the receiver is waited for.
    #[serde(default)]
    pub retry: Retry,
}

fn default_content_type() -> String {
    "application/json".to_owned()
}

impl WebhookConfig {
    /// A webhook with every other setting at its default.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        let (name, url, content_type) = (name.into(), url.into(), default_content_type());
        Self { name, url, secret_env: None, body: None, content_type, expect: None, retry: Retry::default() }
    }
}

/// Posts notices to a URL; a 2xx answer that does not say otherwise means taken.
///
/// 5xx, 408 and 429 answers, timeouts and broken connections are tried again with backoff, other answers are not. Redirects are not
/// followed.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    post: Post,
    secret: Option<String>,
    template: Option<Environment<'static>>,
}

impl Webhook {
    pub(super) fn new(config: WebhookConfig, secret: Option<String>, allowed: &Allowed) -> Result<Self, String> {
        let post = Post::new(&config.name, &config.url, config.retry, allowed)?;
        let template = config.body.as_ref().map(|body| compiled(body, &config.content_type)).transpose()?;
        Ok(Self { config, post, secret, template })
    }

    fn body(&self, notice: &Notice) -> Result<Vec<u8>, String> {
        match &self.template {
            None => serde_json::to_vec(notice).map_err(|error| error.to_string()),
            Some(template) => {
                let text = template.get_template("body").and_then(|body| body.render(Serde(notice))).map_err(|error| format!("body: {error:#}"))?;
                Ok(text.into_bytes())
            }
        }
    }
}

/// Whether a 2xx answer may be taken for a yes.
fn believe(expect: Option<&str>, taken: &Taken) -> Result<(), String> {
    let said = shown(&taken.body);
    match expect {
        Some(words) if taken.body.contains(words) => Ok(()),
        Some(words) => Err(format!("{said:?} where {words:?} is expected")),
        None if is_page(&taken.body) => Err(format!("{said:?} is a page for people, such as a login on the way")),
        None if tells_failure(&taken.body) => Err(said),
        None => Ok(()),
    }
}

fn is_page(body: &str) -> bool {
    let start = body.trim_start().get(..14).unwrap_or(body.trim_start()).to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Whether an answer in JSON says that it failed.
fn tells_failure(body: &str) -> bool {
    let Ok(Value::Object(answer)) = serde_json::from_str::<Value>(body) else { return false };
    let is_false = |key: &str| answer.get(key) == Some(&Value::Bool(false));
    let is_filled = |key: &str| match answer.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(all)) => !all.is_empty(),
        Some(Value::Object(all)) => !all.is_empty(),
        Some(Value::Number(code)) => code.as_f64() != Some(0.0),
        Some(Value::Bool(true)) => true,
    };
    is_false("ok") || is_false("success") || is_filled("error") || is_filled("errors")
}

fn compiled(body: &str, content_type: &str) -> Result<Environment<'static>, String> {
    let mut environment = Environment::new();
    let is_json = content_type.contains("json");
    environment.set_auto_escape_callback(move |_| if is_json { AutoEscape::Json } else { AutoEscape::None });
    environment.add_template_owned("body", body.to_owned()).map_err(|error| format!("body: {error:#}"))?;
    Ok(environment)
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        for notice in notices {
            let body = self.body(notice).map_err(|problem| NotifyError::Unusable { notifier: self.config.name.clone(), problem })?;
            let dress = |request: reqwest::RequestBuilder| {
                let request = request.header("content-type", &self.config.content_type).header("x-karat-key", &notice.key).body(body.clone());
                match &self.secret {
                    Some(secret) => request.header("x-karat-signature", format!("sha256={}", hmac_sha256(secret.as_bytes(), &body))),
                    None => request,
                }
            };
            self.post.send(dress, |taken| believe(self.config.expect.as_deref(), taken)).await?;
        }
        Ok(())
    }
}
