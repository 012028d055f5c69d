//! Which notifiers there are, as karat.toml names them, and how they are made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::address::Allowed;
use super::{
    Alertmanager, AlertmanagerConfig, Email, EmailConfig, Log, Notifier, PagerDuty, PagerDutyConfig, Slack, SlackConfig, Stdout, Webhook,
    WebhookConfig,
};
use crate::error::Error;

/// Where alerts go besides the log and the table `alerts`; each list may hold several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Address of the dashboard that messages link to, such as `https://karat.example.com`. Default: no links.
    pub dashboard_url: Option<String>,
    /// Hosts on private networks that notifiers may reach, by name or address; all others there are refused, so that a URL in a settings file is no way
    /// into the network. Default: none, not even loopback.
    pub private_hosts: Vec<String>,
    /// Whether each alert is a line of JSON on standard output. Default false.
    pub stdout: bool,
    /// Webhooks of any kind. Default: none.
    pub webhooks: Vec<WebhookConfig>,
    /// Prometheus Alertmanagers. Default: none.
    pub alertmanagers: Vec<AlertmanagerConfig>,
    /// Slack channels. Default: none.
    pub slack: Vec<SlackConfig>,
    /// PagerDuty services. Default: none.
    pub pagerduty: Vec<PagerDutyConfig>,
    /// Mailboxes. Default: none.
    pub email: Vec<EmailConfig>,
}

impl NotifyConfig {
    /// Names every notifier that is configured, the log first; no secret is looked up.
    pub fn names(&self) -> Vec<String> {
        let stdout = self.stdout.then_some("stdout");
        let fixed = std::iter::once("log").chain(stdout).map(str::to_owned);
        let webhooks = self.webhooks.iter().map(|one| &one.name);
        let others = self.alertmanagers.iter().map(|one| &one.name).chain(self.slack.iter().map(|one| &one.name));
        let named = webhooks.chain(others).chain(self.pagerduty.iter().map(|one| &one.name)).chain(self.email.iter().map(|one| &one.name));
        fixed.chain(named.cloned()).collect()
    }
}

/// Makes the notifiers: the log, and each one that is configured. `secret` looks up the secrets that they name.
///
/// Errors if two bear one name, a setting cannot be used, an address is private, or a secret is missing.
pub fn notifiers(config: &NotifyConfig, secret: impl Fn(&str) -> Option<String>) -> Result<Vec<Arc<dyn Notifier>>, Error> {
    let mut made = Made { notifiers: vec![Arc::new(Log)], secret };
    if config.stdout {
        made.notifiers.push(Arc::new(Stdout));
    }
    let allowed = &Allowed::new(&config.private_hosts);
    let dashboard = || config.dashboard_url.clone();
    for webhook in &config.webhooks {
        let key = made.maybe(&webhook.name, webhook.secret_env.as_deref())?;
        made.add(&webhook.name, Webhook::new(webhook.clone(), key, allowed))?;
    }
    for alertmanager in &config.alertmanagers {
        let token = made.maybe(&alertmanager.name, alertmanager.token_env.as_deref())?;
        made.add(&alertmanager.name, Alertmanager::new(alertmanager, token, dashboard(), allowed))?;
    }
    for slack in &config.slack {
        let url = made.secret(&slack.name, &slack.url_env)?;
        made.add(&slack.name, Slack::new(slack, &url, dashboard(), allowed))?;
    }
    for pagerduty in &config.pagerduty {
        let key = made.secret(&pagerduty.name, &pagerduty.routing_key_env)?;
        made.add(&pagerduty.name, PagerDuty::new(pagerduty, key, dashboard(), allowed))?;
    }
    for email in &config.email {
        let password = made.maybe(&email.name, email.password_env.as_deref())?;
        made.add(&email.name, Email::new(email.clone(), password, dashboard(), allowed))?;
    }
    Ok(made.notifiers)
}

struct Made<S> {
    notifiers: Vec<Arc<dyn Notifier>>,
    secret: S,
}

impl<S: Fn(&str) -> Option<String>> Made<S> {
    fn add<N: Notifier + 'static>(&mut self, name: &str, made: Result<N, String>) -> Result<(), Error> {
        let notifier = made.map_err(|problem| Error::Notifier { name: name.to_owned(), problem })?;
        if self.notifiers.iter().any(|other| other.name() == name) {
            return Err(Error::NotifierTwice { name: name.to_owned() });
        }
        self.notifiers.push(Arc::new(notifier));
        Ok(())
    }

    fn secret(&self, notifier: &str, variable: &str) -> Result<String, Error> {
        let missing = || Error::NoSecret { notifier: notifier.to_owned(), variable: variable.to_owned() };
        (self.secret)(variable).filter(|secret| !secret.is_empty()).ok_or_else(missing)
    }

    fn maybe(&self, notifier: &str, variable: Option<&str>) -> Result<Option<String>, Error> {
        variable.map(|variable| self.secret(notifier, variable)).transpose()
    }
}
