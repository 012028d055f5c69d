//! What happens to `karat eval` from outside: Ctrl-C in the middle of a run, and a full disk under the report.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};

use crate::server::karat;

/// An app that answers three times, tells of the fourth request and hangs until it is healed.
struct App {
    url: String,
    n_asked: Arc<AtomicUsize>,
    is_healed: Arc<AtomicBool>,
    hangs: Receiver<()>,
    _runtime: tokio::runtime::Runtime,
}

impl App {
    fn start() -> Self {
        let (n_asked, is_healed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (tell, hangs) = channel();
        let (asked, healed) = (Arc::clone(&n_asked), Arc::clone(&is_healed));
        let handler = move || {
            let (number, healed, tell) = (asked.fetch_add(1, Ordering::SeqCst), healed.load(Ordering::SeqCst), tell.clone());
            async move {
                if number >= 3 && !healed {
                    tell.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
                "fine"
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, Router::new().route("/", post(handler))).await });
        Self { url, n_asked, is_healed, hangs, _runtime: runtime }
    }
}

/// Starts a run of six cases, one at a time.
fn start(dir: &Path, url: &str, more: &[&str]) -> Child {
    let rows: String = (0..6).map(|index| format!("{}\n", json!({"id": format!("c{index}")}))).collect();
    std::fs::write(dir.join("data.jsonl"), rows).unwrap();
    let suite = format!(
        "dataset: data.jsonl\nprompts: [x]\nproviders: [{{id: \"{url}/\", config: {{body: {{}}}}}}]\nchecks: [{{check: contains, value: fine, metric: m}}]\n"
    );
    std::fs::write(dir.join("suite.yaml"), suite).unwrap();
    std::fs::write(dir.join("karat.toml"), "[evaluator]\nconcurrency = 1\n").unwrap();
    let mut command = karat();
    command.current_dir(dir).args(["--config", "karat.toml", "eval", "suite.yaml", "--format", "json"]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ctrl-C loses the case that is under way and nothing else; `--resume` asks for the rest alone.
#[test]
fn a_run_that_was_interrupted_goes_on() {
    let (dir, app) = (tempfile::tempdir().unwrap(), App::start());
    let run = start(dir.path(), &app.url, &[]);
    app.hangs.recv_timeout(Duration::from_secs(60)).expect("the fourth case is asked");
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(130) && said.contains("--resume") && output.stdout.is_empty(), "{:?}: {said}", output.status);
    app.is_healed.store(true, Ordering::SeqCst);
    let output = start(dir.path(), &app.url, &["--resume"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() == 6 && cases.iter().all(|case| case["outcome"] == "pass"), "{cases:?}");
    assert_eq!(app.n_asked.load(Ordering::SeqCst), 7, "three before, the one that hung, and three after");
}

/// Nothing is paid for while any of the suites cannot run.
#[test]
fn all_suites_are_read_before_the_first_runs() {
    let (dir, app) = (tempfile::tempdir().unwrap(), App::start());
    let output = start(dir.path(), &app.url, &["nope.yaml"]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(2) && said.contains("cannot read nope.yaml"), "{:?}: {said}", output.status);
    assert_eq!(app.n_asked.load(Ordering::SeqCst), 0);
}

/// A report that cannot be written costs the report: the verdict is shown all the same, and the exit code is no pass.
#[test]
fn a_full_disk_does_not_swallow_the_verdict() {
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: this system has no /dev/full");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = karat().current_dir(root).args(["eval", "suites/rag.yaml", "--format", "junit", "--output", "/dev/full"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("PASS") && said.contains("cannot write /dev/full"), "{said}");
}
