//! The webhook: one POST a notice, of JSON or of a template of the user's, signed.

use async_trait::async_trait;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::{Deserialize, Serialize};

use super::address::Allowed;
use super::hmac::hmac_sha256;
use super::http::{Post, Retry};
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
        Self { name: name.into(), url: url.into(), secret_env: None, body: None, content_type: default_content_type(), retry: Retry::default() }
    }
}

/// Posts notices to a URL; any 2xx answer means taken.
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
            self.post.send(dress, |_| Ok(())).await?;
        }
        Ok(())
    }
}
