//! E-mail to a mail server of the test: one that takes, one that refuses, one that stalls.

use std::path::PathBuf;

use monitor::notify::{EmailConfig, MailTls, NotifyConfig, NotifyError, Retry};
use monitor::{Notice, Notifier};
use schema::{AlertTransition, Tenant};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};

use super::receiver::{loopback, only};

/// What the server says to a mail.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Takes,
    Refuses,
    Stalls,
}

/// What a server did.
#[derive(Debug, Default)]
struct Seen {
    mails: Mutex<Vec<String>>,
    logins: Mutex<Vec<String>>,
}

/// How the connections of a server are protected, where they are.
#[derive(Clone)]
struct Protection {
    tls: MailTls,
    acceptor: Option<TlsAcceptor>,
}

/// Speaks as much SMTP as a client needs, and keeps the mails.
async fn serve(manner: Manner) -> (u16, Arc<Seen>) {
    serve_by(manner, Protection { tls: MailTls::None, acceptor: None }).await
}

async fn serve_by(manner: Manner, protection: Protection) -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (protection, kept) = (protection.clone(), kept.clone());
            tokio::spawn(async move {
                match (protection.tls, protection.acceptor) {
                    (MailTls::Implicit, Some(acceptor)) => {
                        let stream = acceptor.accept(stream).await.ok()?;
                        talk(&mut BufStream::new(stream), manner, &kept, true, "220 test\r\n").await
                    }
                    (MailTls::Starttls, Some(acceptor)) => {
                        let mut plain = BufStream::new(stream);
                        starttls(&mut plain).await?;
                        let stream = acceptor.accept(plain.into_inner()).await.ok()?;
                        talk(&mut BufStream::new(stream), manner, &kept, true, "").await
                    }
                    _ => talk(&mut BufStream::new(stream), manner, &kept, false, "220 test\r\n").await,
                }
            });
        }
    });
    (port, seen)
}

trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Wire for S {}

async fn say<S: Wire>(wire: &mut BufStream<S>, words: &str) -> Option<()> {
    wire.write_all(words.as_bytes()).await.ok()?;
    wire.flush().await.ok()
}

async fn heard<S: Wire>(wire: &mut BufStream<S>) -> Option<String> {
    let mut line = String::new();
    (wire.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
}

/// Says hello in the clear until the client asks for TLS.
async fn starttls<S: Wire>(wire: &mut BufStream<S>) -> Option<()> {
    say(wire, "220 test\r\n").await?;
    loop {
        if heard(wire).await? == "STARTTLS" {
            return say(wire, "220 go on\r\n").await;
        }
        say(wire, "250-test\r\n250 STARTTLS\r\n").await?;
    }
}

async fn talk<S: Wire>(wire: &mut BufStream<S>, manner: Manner, seen: &Seen, logs_in: bool, greeting: &str) -> Option<()> {
    say(wire, greeting).await?;
    while let Some(line) = heard(wire).await {
        let mut words = line.split_whitespace();
        let answer = match (words.next().unwrap_or_default(), manner) {
            ("RCPT", Manner::Stalls) => std::future::pending::<&str>().await,
            ("RCPT", Manner::Refuses) => "550 no such user",
            ("EHLO", _) if logs_in => "250-test\r\n250 AUTH PLAIN",
            ("AUTH", _) => {
                seen.logins.lock().unwrap().extend(words.nth(1).map(str::to_owned));
                "235 welcome"
            }
            ("DATA", _) => "354 go on",
            _ => "250 ok",
        };
        say(wire, &format!("{answer}\r\n")).await?;
        if line == "DATA" {
            let mut mail = String::new();
            while let Some(line) = heard(wire).await.filter(|line| line != ".") {
                mail.push_str(&line);
                mail.push('\n');
            }
            seen.mails.lock().unwrap().push(mail);
            say(wire, "250 taken\r\n").await?;
        }
    }
    Some(())
}

fn mailbox(port: u16) -> Arc<dyn Notifier> {
    only(&NotifyConfig { email: vec![settings(port)], ..loopback() }, |_| None)
}

fn settings(port: u16) -> EmailConfig {
    EmailConfig {
        name: "mail".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: MailTls::None,
        user: None,
        password_env: None,
        from: "karat <karat@example.com>".to_owned(),
        to: vec!["ann@example.com".to_owned(), "bob@example.com".to_owned()],
        ca_file: None,
        retry: Retry { timeout_ms: 500, attempts: 1, backoff_ms: 1 },
    }
}

fn notices() -> Vec<Notice> {
    let alert = |monitor: &str, state: &str| AlertTransition {
        monitor: monitor.to_owned(),
        state: state.to_owned(),
        summary: "slow\r\nBcc: everybody@example.com".to_owned(),
        ..AlertTransition::default()
    };
    [alert("latency", "firing"), alert("errors", "resolved")].iter().map(|alert| Notice::of(&Tenant::default(), alert)).collect()
}

#[tokio::test]
async fn one_mail_tells_all_and_no_header_is_smuggled_in() {
    let (port, seen) = serve(Manner::Takes).await;
    mailbox(port).notify(&notices()).await.unwrap();
    mailbox(port).notify(&notices()[..1]).await.unwrap();
    let mails = seen.mails.lock().unwrap();
    assert_eq!(mails.len(), 2);
    assert!(
        mails[0].contains("Subject: [karat] 2 alerts: latency, errors") && mails[0].contains("To: ann@example.com, bob@example.com"),
        "{}",
        mails[0]
    );
    for mail in mails.iter() {
        let head = mail.split("\n\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
    }
}

#[tokio::test]
async fn refusals_and_silence_are_told_apart() {
    let (port, _) = serve(Manner::Refuses).await;
    let error = mailbox(port).notify(&notices()).await.unwrap_err();
    assert!(matches!(error, NotifyError::Refused { status: 550, .. }), "{error:?}");
    let (port, _) = serve(Manner::Stalls).await;
    let error = mailbox(port).notify(&notices()).await.unwrap_err();
    assert_eq!(error.to_string(), "mail cannot be reached: no answer in time");
}

/// A certificate of its own for 127.0.0.1, made by openssl: the acceptor, and the file that vouches for it. `None` where there is no openssl.
fn certified(dir: &std::path::Path) -> Option<(TlsAcceptor, PathBuf)> {
    let config = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=127.0.0.1\n[ext]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
    let file = |name: &str| dir.join(name);
    std::fs::write(file("openssl.cnf"), config).unwrap();
    let mut command = std::process::Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-config"])
        .arg(file("openssl.cnf"));
    command.arg("-keyout").arg(file("key.pem")).arg("-out").arg(file("cert.pem"));
    let Ok(made) = command.output() else {
        eprintln!("SKIPPED: needs openssl to make a certificate");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    Some((TlsAcceptor::from(Arc::new(config)), file("cert.pem")))
}

// A password goes over a wire that is protected, to a server that somebody vouches for, and to no other.
#[tokio::test]
async fn a_login_goes_over_tls_to_a_server_that_is_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    let Some((acceptor, ca_file)) = certified(dir.path()) else { return };
    for tls in [MailTls::Starttls, MailTls::Implicit] {
        let (port, seen) = serve_by(Manner::Takes, Protection { tls, acceptor: Some(acceptor.clone()) }).await;
        let patience = Retry { timeout_ms: 5_000, ..settings(port).retry };
        let config =
            EmailConfig { tls, user: Some("ann".to_owned()), password_env: Some("MAIL_PASSWORD".to_owned()), retry: patience, ..settings(port) };
        let mail = |config: EmailConfig| only(&NotifyConfig { email: vec![config], ..loopback() }, |_| Some("s3cret".to_owned()));
        let error = mail(config.clone()).notify(&notices()).await.unwrap_err();
        assert!(matches!(error, NotifyError::Unreachable { .. }), "nobody vouches for it: {error:?}");
        assert!(seen.logins.lock().unwrap().is_empty());

        mail(EmailConfig { ca_file: Some(ca_file.clone()), ..config }).notify(&notices()).await.unwrap();
        assert_eq!(seen.mails.lock().unwrap().len(), 1);
        // \0ann\0s3cret
        assert_eq!(*seen.logins.lock().unwrap(), ["AGFubgBzM2NyZXQ="]);
    }
    // A server that speaks no TLS is told nothing.
    let (port, seen) = serve(Manner::Takes).await;
    let config = EmailConfig { tls: MailTls::Starttls, ca_file: Some(ca_file), ..settings(port) };
    only(&NotifyConfig { email: vec![config], ..loopback() }, |_| None).notify(&notices()).await.unwrap_err();
    assert!(seen.mails.lock().unwrap().is_empty());
}
