//! Judge calls against a server that answers in 200 ms, 256 in flight: `karat eval` beside a bare load generator, in turns.
//!
//! `cargo run --release -p karat-evaluator --example judges -- [CALLS]` starts the server as a process of its own, and prints one JSON line: calls a
//! second of both (the best of three turns each), their ratio, and the CPU that this process used for a call.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a measurement fails by panicking, and prints"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use evaluator::suite::Compare;
use evaluator::{Archive, BatchFiles, Control, EvalArgs, EvalFormat, EvaluatorConfig, Part, cli_eval};
use futures::StreamExt;
use schema::Micros;
use serde_json::json;

const IN_FLIGHT: usize = 256;
const ANSWER_AFTER: Duration = Duration::from_millis(200);
const TURNS: usize = 3;

/// What one turn took.
#[derive(Debug, Clone, Copy)]
struct Turn {
    calls_per_s: f64,
    cpu_ms_per_call: f64,
}

fn main() {
    let argument = std::env::args().nth(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match argument.as_deref() {
        Some("serve") => runtime.block_on(serve()),
        calls => runtime.block_on(measure(calls.map_or(20_480, |calls| calls.parse().unwrap()))),
    }
}

/// An endpoint of OpenAI's form that takes its time.
async fn serve() {
    let answer = || async {
        tokio::time::sleep(ANSWER_AFTER).await;
        let message = json!({"role": "assistant", "content": "{\"verdict\": \"relevant\", \"reason\": \"It is about what was asked.\"}"});
        let usage = json!({"prompt_tokens": 400, "completion_tokens": 14, "total_tokens": 414});
        axum::Json(
            json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/v1", listener.local_addr().unwrap());
    axum::serve(listener, Router::new().route("/v1/chat/completions", post(answer))).await.unwrap();
}

async fn measure(calls: usize) {
    let mut server = Command::new(std::env::current_exe().unwrap()).arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();
    let best = |turns: &[Turn]| turns.iter().copied().max_by(|a, b| a.calls_per_s.total_cmp(&b.calls_per_s)).unwrap();
    let (mut bare, mut karat) = (Vec::new(), Vec::new());
    // Deleted at the end: ext4 searches long for the place of a new file where thousands were deleted within the last minutes.
    let mut dirs = Vec::new();
    for _ in 0..TURNS {
        bare.push(load(url, calls).await);
        let dir = tempfile::tempdir().unwrap();
        karat.push(eval(url, calls, dir.path()).await);
        dirs.push(dir);
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let (bare, karat) = (best(&bare), best(&karat));
    let line = json!({
        "calls": calls, "in_flight": IN_FLIGHT,
        "bare_calls_per_s": bare.calls_per_s.round(), "karat_calls_per_s": karat.calls_per_s.round(),
        "ratio": (karat.calls_per_s / bare.calls_per_s * 1e3).round() / 1e3,
        "bare_cpu_ms_per_call": bare.cpu_ms_per_call, "karat_cpu_ms_per_call": karat.cpu_ms_per_call,
    });
    println!("{line}");
}

/// Nothing but requests, as many at once.
async fn load(url: &str, calls: usize) -> Turn {
    let client = reqwest::Client::new();
    let body = json!({"model": "m", "messages": [{"role": "system", "content": "x".repeat(1_200)}, {"role": "user", "content": "y".repeat(300)}]})
        .to_string();
    let (begun, cpu) = (Instant::now(), cpu_ms());
    let request = |_| async {
        let response =
            client.post(format!("{url}/chat/completions")).header("content-type", "application/json").body(body.clone()).send().await.unwrap();
        response.bytes().await.unwrap();
    };
    futures::stream::iter(0..calls).map(request).buffer_unordered(IN_FLIGHT).count().await;
    turn(calls, begun, cpu)
}

/// A suite of as many cases with one judge, from its file to its report.
async fn eval(url: &str, calls: usize, dir: &Path) -> Turn {
    let rows = (0..calls)
        .map(|index| format!("{}\n", json!({"id": format!("c{index}"), "question": "What does it cost?", "answer": format!("It costs {index}.")})));
    std::fs::write(dir.join("data.jsonl"), rows.collect::<String>()).unwrap();
    std::fs::write(dir.join("rubric.txt"), include_str!("../rubrics/relevancy.txt")).unwrap();
    let check = "{check: judge, rubric: rubric.txt, model: \"openai:chat:m\", metric: relevant}";
    std::fs::write(dir.join("suite.yaml"), format!("dataset: data.jsonl\nproviders: [\"dataset:answer\"]\nchecks: [{check}]\n")).unwrap();
    // More cases than calls, so that a slot never waits for a case.
    let mut config = EvaluatorConfig { concurrency: 2 * IN_FLIGHT, ..EvaluatorConfig::default() };
    config.calls.in_flight = IN_FLIGHT;
    config.calls.work_dir = dir.join(".karat");
    let env = |name: &str| (name == "OPENAI_BASE_URL").then(|| url.to_owned());
    let args = EvalArgs {
        suite: dir.join("suite.yaml"),
        compare: Compare::Nothing,
        update_baseline: false,
        format: EvalFormat::Json,
        outputs: Vec::new(),
        part: Part::default(),
        config,
        env: &env,
        archive: Archive::Nowhere,
        control: Control::default(),
        batch: BatchFiles::default(),
    };
    let (begun, cpu) = (Instant::now(), cpu_ms());
    let outcome = cli_eval(&args, Micros(1_795_000_000_000_000)).await;
    let turn = turn(calls, begun, cpu);
    assert_eq!(outcome.exit_code, 0, "{}", outcome.text);
    turn
}

fn turn(calls: usize, begun: Instant, cpu: f64) -> Turn {
    let spent = cpu_ms() - cpu;
    Turn { calls_per_s: calls as f64 / begun.elapsed().as_secs_f64(), cpu_ms_per_call: (spent / calls as f64 * 1e3).round() / 1e3 }
}

/// CPU time of this process, user and system, in milliseconds (`/proc/self/stat`, ticks of 10 ms).
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> = stat.rsplit_once(") ").unwrap().1.split(' ').filter_map(|field| field.parse().ok()).collect();
    // The state, which is no number, is left out: utime is the 11th of the rest.
    (fields[10] + fields[11]) * 10.0
}
