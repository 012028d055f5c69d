//! E-mail to a mail server of the test: one that takes, one that refuses, one that stalls.

use monitor::notify::{EmailConfig, MailTls, NotifyConfig, NotifyError, Retry};
use monitor::{Notice, Notifier};
use schema::{AlertTransition, Tenant};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::receiver::{loopback, only};

/// What the server says to a mail.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Takes,
    Refuses,
    Stalls,
}

/// Speaks as much SMTP as a client needs, and keeps the mails.
async fn serve(manner: Manner) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, manner, kept.clone()));
        }
    });
    (port, mails)
}

async fn talk(stream: TcpStream, manner: Manner, mails: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 test\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let answer = match (line.split_whitespace().next().unwrap_or_default(), manner) {
            ("RCPT", Manner::Stalls) => std::future::pending::<&str>().await,
            ("RCPT", Manner::Refuses) => "550 no such user",
            ("DATA", _) => "354 go on",
            _ => "250 ok",
        };
        writing.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        if line == "DATA" {
            let mut mail = String::new();
            while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                mail.push_str(&line);
                mail.push('\n');
            }
            mails.lock().unwrap().push(mail);
            writing.write_all(b"250 taken\r\n").await.ok()?;
        }
    }
    Some(())
}

fn mailbox(port: u16) -> Arc<dyn Notifier> {
    let email = EmailConfig {
        name: "mail".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: MailTls::None,
        user: None,
        password_env: None,
        from: "karat <karat@example.com>".to_owned(),
        to: vec!["ann@example.com".to_owned(), "bob@example.com".to_owned()],
        retry: Retry { timeout_ms: 500, attempts: 1, backoff_ms: 1 },
    };
    only(&NotifyConfig { email: vec![email], ..loopback() }, |_| None)
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
    let (port, mails) = serve(Manner::Takes).await;
    mailbox(port).notify(&notices()).await.unwrap();
    mailbox(port).notify(&notices()[..1]).await.unwrap();
    let mails = mails.lock().unwrap();
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
