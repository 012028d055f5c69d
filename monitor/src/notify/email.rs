//! E-mail by SMTP: one message for all that became known at one inspection, in plain text.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use super::address::Allowed;
use super::http::{Retry, shown};
use super::{Notice, Notifier, NotifyError};

/// Characters of a subject.
const SUBJECT_MAX: usize = 150;

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// STARTTLS, which must succeed; port 587.
    #[default]
    Starttls,
    /// TLS from the first byte; port 465.
    Implicit,
    /// None: for a relay on the same host.
    None,
}

/// Settings of one mailbox that is written to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Name that monitors use under `notify`.
    pub name: String,
    /// Host of the mail server.
    pub host: String,
    /// Port of the mail server. Default: 587, 465 or 25, as `tls` says.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected: `starttls`, `implicit` or `none`. Default `starttls`.
    #[serde(default)]
    pub tls: MailTls,
    /// Certificates in PEM that vouch for the mail server, in place of the system's: for one inside the house. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// User name. Default: no login.
    #[serde(default)]
    pub user: Option<String>,
    /// Environment variable with the password; goes with `user`.
    #[serde(default)]
    pub password_env: Option<String>,
    /// Sender, such as `karat <karat@example.com>`.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// How long the mail server is waited for.
    #[serde(default)]
    pub retry: Retry,
}

/// Writes e-mails.
pub struct Email {
    config: EmailConfig,
    from: Mailbox,
    to: Vec<Mailbox>,
    password: Option<String>,
    authority: Option<Certificate>,
    dashboard: Option<String>,
    allowed: Allowed,
}

impl Email {
    pub(super) fn new(config: EmailConfig, password: Option<String>, dashboard: Option<String>, allowed: &Allowed) -> Result<Self, String> {
        config.retry.check()?;
        let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| format!("{text:?} is no mail address: {error}"));
        let from = mailbox(&config.from)?;
        let to = config.to.iter().map(mailbox).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("to names nobody; write at least one mail address".to_owned());
        }
        if config.user.is_some() != password.is_some() {
            return Err("user and password_env belong together".to_owned());
        }
        if config.tls == MailTls::None && config.user.is_some() && !allowed.names(&config.host) {
            return Err("a password would go over the wire unprotected; use tls = \"starttls\" or \"implicit\"".to_owned());
        }
        let authority = config.ca_file.as_ref().map(certificate).transpose()?;
        Ok(Self { config, from, to, password, authority, dashboard, allowed: allowed.clone() })
    }

    fn tls_parameters(&self) -> Result<TlsParameters, String> {
        let builder = TlsParameters::builder(self.config.host.clone());
        let builder = match &self.authority {
            Some(authority) => builder.certificate_store(CertificateStore::None).add_root_certificate(authority.clone()),
            None => builder,
        };
        builder.build().map_err(|error| error.to_string())
    }

    fn message(&self, notices: &[Notice]) -> Result<Message, String> {
        let builder = self.to.iter().fold(Message::builder().from(self.from.clone()), |builder, to| builder.to(to.clone()));
        let builder = builder.subject(subject(notices)).header(ContentType::TEXT_PLAIN);
        builder.body(self.text(notices)).map_err(|error| error.to_string())
    }

    fn text(&self, notices: &[Notice]) -> String {
        let mut text = String::new();
        for notice in notices {
            let by = notice.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
            let _ = writeln!(text, "{} {}{by} ({}, {})\n{}", notice.monitor, notice.state, notice.severity, notice.time, notice.summary);
            for (label, url) in notice.links(self.dashboard.as_deref()) {
                let _ = writeln!(text, "{label}: {url}");
            }
            let traces: Vec<&str> = notice.trace_ids().collect();
            if !traces.is_empty() {
                let _ = writeln!(text, "traces: {}", traces.join(" "));
            }
            text.push('\n');
        }
        text
    }

    async fn attempt(&self, message: Message) -> Result<(), NotifyError> {
        let unreachable = |problem: String| NotifyError::Unreachable { notifier: self.config.name.clone(), problem };
        let patience = Duration::from_millis(self.config.retry.timeout_ms);
        let sending = async {
            let transport = self.transport(patience).await?;
            transport.send(message).await.map_err(|error| self.failure(&error))
        };
        match tokio::time::timeout(patience, sending).await {
            Ok(outcome) => outcome.map(|_| ()),
            Err(_) => Err(unreachable("no answer in time".to_owned())),
        }
    }

    /// Connects to the address that was checked, and asks for the certificate of the name.
    async fn transport(&self, patience: Duration) -> Result<AsyncSmtpTransport<Tokio1Executor>, NotifyError> {
        let unreachable = |problem: String| NotifyError::Unreachable { notifier: self.config.name.clone(), problem };
        let config = &self.config;
        let standard = match config.tls {
            MailTls::Starttls => 587,
            MailTls::Implicit => 465,
            MailTls::None => 25,
        };
        let port = config.port.unwrap_or(standard);
        let addresses = self.allowed.lookup(&config.host, port).await.map_err(unreachable)?;
        let Some(address) = addresses.first() else { return Err(unreachable(format!("{} has no address", config.host))) };
        let parameters = || self.tls_parameters().map_err(unreachable);
        let tls = match config.tls {
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string()).port(port).tls(tls).timeout(Some(patience));
        if let (Some(user), Some(password)) = (&config.user, &self.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }

    fn failure(&self, error: &lettre::transport::smtp::Error) -> NotifyError {
        let notifier = self.config.name.clone();
        match error.status() {
            Some(code) => {
                let status = u16::try_from(code.severity as u32 * 100 + code.category as u32 * 10 + code.detail as u32).unwrap_or_default();
                NotifyError::Refused { notifier, status, answer: shown(&error.to_string()) }
            }
            None => NotifyError::Unreachable { notifier, problem: shown(&error.to_string()) },
        }
    }
}

fn certificate(file: &PathBuf) -> Result<Certificate, String> {
    let pem = std::fs::read(file).map_err(|error| format!("ca_file {} cannot be read: {error}", file.display()))?;
    Certificate::from_pem(&pem).map_err(|error| format!("ca_file {} holds no certificate: {error}", file.display()))
}

fn subject(notices: &[Notice]) -> String {
    let text = match notices {
        [one] => format!("[karat] {} {}: {}", one.monitor, one.state, one.summary),
        many => format!("[karat] {} alerts: {}", many.len(), many.iter().map(|notice| notice.monitor.as_str()).collect::<Vec<_>>().join(", ")),
    };
    shown(&text).chars().take(SUBJECT_MAX).collect()
}

#[async_trait]
impl Notifier for Email {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn batch(&self) -> usize {
        50
    }

    async fn notify(&self, notices: &[Notice]) -> Result<(), NotifyError> {
        let message = self.message(notices).map_err(|problem| NotifyError::Unusable { notifier: self.config.name.clone(), problem })?;
        self.config.retry.run(|| self.attempt(message.clone())).await
    }
}
