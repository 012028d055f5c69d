//! How calls are made: kept answers, runs that go on, budgets, overload, stragglers, batches, anchors and labels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use evaluator::{Control, Journaling, Progress, Resume};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply, completion};
use crate::recipes::{RUBRIC, row, suite};
use crate::workspace::Workspace;

fn verdict(name: &str) -> Reply {
    Reply::Content(json!({"verdict": name, "reason": "because"}).to_string())
}

fn rows(n: usize) -> Vec<Value> {
    (0..n).map(|index| row(&format!("c{index}"), &format!("answer {index}"))).collect()
}

const PRICED: &str = ", config: {price: {input: 1, output: 10}}";

/// The same question is paid for once; another rubric is another question; `--no-cache` asks again.
#[tokio::test]
async fn answers_are_kept() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(5), &format!("{RUBRIC}{PRICED}"));
    let first = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert!(first.run.cost_usd.unwrap() > 0.0);
    let second = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((endpoint.seen().len(), second.run.cost_usd), (5, None));
    assert_eq!(first.cases.iter().map(|case| &case.scores).collect::<Vec<_>>(), second.cases.iter().map(|case| &case.scores).collect::<Vec<_>>());
    workspace.edit("rubric.txt", "about the question", "about it");
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(endpoint.seen().len(), 10);
    workspace.config.calls.cache_bytes_max = 0;
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(endpoint.seen().len(), 15);
}

/// What could not be read is not kept, or it could never be mended.
#[tokio::test]
async fn nonsense_is_not_kept() {
    let endpoint = Endpoint::start(|number, _| if number < 2 { Reply::Content("Well...".to_owned()) } else { verdict("relevant") }).await;
    let workspace = suite(&endpoint.url, &rows(1), RUBRIC);
    Workspace::expect(workspace.eval("suite.yaml").await, 3);
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
}

/// A spent budget ends the run with exit code 4; what was judged is kept, and `--resume` asks for the rest alone.
#[tokio::test]
async fn a_run_goes_on_where_its_money_ended() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(20), &format!("{RUBRIC}{PRICED}"));
    workspace.config.calls.cache_bytes_max = 0;
    workspace.config.concurrency = 1;
    workspace.control = Control { journal: Journaling::On, ..Control::default() };
    let suite = workspace.read("suite.yaml");
    // A call costs 120 + 90 millionths.
    workspace.write("suite.yaml", &format!("{suite}budget: {{usd: 0.00105}}\n"));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 4);
    assert_eq!(report.cases.iter().filter(|case| case.scores[0].value.is_some()).count(), 5);
    workspace.control.resume = Resume::Scored;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 4);
    assert_eq!((report.cases.iter().filter(|case| case.scores[0].value.is_some()).count(), endpoint.seen().len()), (10, 10));
    // More money, another gate and another description ask for nothing else: the run goes on.
    workspace.write("suite.yaml", &format!("{suite}budget: {{usd: 5}}\ngate: {{q: 0.1}}\ndescription: the same\n"));
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.cases.iter().filter(|case| case.scores[0].value.is_some()).count(), endpoint.seen().len()), (20, 20));
    workspace.write("suite.yaml", &suite.replace("data.jsonl", "other.jsonl"));
    workspace.write("other.jsonl", &format!("{}\n", row("d0", "another answer")));
    let outcome = workspace.eval("suite.yaml").await;
    assert!(outcome.exit_code == 2 && outcome.text.contains("changed since the earlier run"), "{}", outcome.text);
}

/// A run that begins anew leaves alone what an interrupted one paid for; once one has gone on with it, it is gone.
#[tokio::test]
async fn a_run_that_begins_anew_keeps_an_interrupted_one() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(10), &format!("{RUBRIC}{PRICED}"));
    workspace.config.calls.cache_bytes_max = 0;
    workspace.config.concurrency = 1;
    workspace.control = Control { journal: Journaling::On, ..Control::default() };
    let suite = workspace.read("suite.yaml");
    workspace.write("suite.yaml", &format!("{suite}budget: {{usd: 0.00105}}\n"));
    Workspace::expect(workspace.eval("suite.yaml").await, 4);
    workspace.write("suite.yaml", &format!("{suite}budget: {{usd: 0.00021}}\n"));
    Workspace::expect(workspace.eval("suite.yaml").await, 4);
    let journals = || std::fs::read_dir(workspace.path(".karat/runs")).unwrap().count();
    assert_eq!((endpoint.seen().len(), journals()), (6, 2), "five cases of the first run and one of the second");
    workspace.write("suite.yaml", &suite);
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((endpoint.seen().len(), journals()), (16, 3));
    workspace.control.resume = Resume::Scored;
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(endpoint.seen().len(), 25, "the newest that was interrupted had one case, and its journal is taken over");
}

/// `--retry-errors` asks again for what errored, and for nothing else.
#[tokio::test]
async fn errors_are_asked_again() {
    let healthy = Arc::new(AtomicBool::new(false));
    let is_healthy = Arc::clone(&healthy);
    let endpoint = Endpoint::start(move |_, seen| {
        let bad = seen.message("user").contains("answer 3") && !is_healthy.load(Ordering::Relaxed);
        if bad { Reply::Status(401, None) } else { verdict("relevant") }
    })
    .await;
    let mut workspace = suite(&endpoint.url, &rows(6), RUBRIC);
    workspace.config.calls.cache_bytes_max = 0;
    workspace.control = Control { journal: Journaling::On, ..Control::default() };
    Workspace::expect(workspace.eval("suite.yaml").await, 3);
    healthy.store(true, Ordering::Relaxed);
    workspace.control.resume = Resume::WithoutErrors;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.cases.len(), report.cases[3].scores[0].value, endpoint.seen().len()), (6, Some(1.0), 7));
    assert_eq!(report.cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["c0", "c1", "c2", "c3", "c4", "c5"]);
    let mut nothing = suite(&endpoint.url, &rows(1), RUBRIC);
    nothing.control.resume = Resume::Scored;
    assert!(nothing.eval("suite.yaml").await.text.contains("no earlier run"));
}

/// A kill in the middle of a line loses that line.
#[tokio::test]
async fn half_a_line_of_a_journal_is_asked_again() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(4), RUBRIC);
    workspace.config.calls.cache_bytes_max = 0;
    workspace.config.concurrency = 1;
    workspace.control = Control { journal: Journaling::On, ..Control::default() };
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    let journal = std::fs::read_dir(workspace.path(".karat/runs")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, &text[..text.len() - 30]).unwrap();
    workspace.control.resume = Resume::Scored;
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(endpoint.seen().len(), 5);
}

/// However many cases may be under way at once, a budget is not overspent: the first case tells what the others will cost.
#[tokio::test]
async fn a_budget_holds_at_any_concurrency() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(60), &format!("{RUBRIC}{PRICED}"));
    workspace.config.calls.cache_bytes_max = 0;
    workspace.config.concurrency = 64;
    // A call costs 120 + 90 millionths.
    workspace.write("suite.yaml", &format!("{}budget: {{usd: 0.0021}}\n", workspace.read("suite.yaml")));
    Workspace::expect(workspace.eval("suite.yaml").await, 4);
    assert_eq!(endpoint.seen().len(), 10);
}

/// The runs of a day share its budget.
#[tokio::test]
async fn a_day_has_a_budget_too() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(3), &format!("{RUBRIC}{PRICED}"));
    workspace.config.calls.cache_bytes_max = 0;
    workspace.config.concurrency = 1;
    workspace.config.calls.day_usd = 0.0009;
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    Workspace::expect(workspace.eval("suite.yaml").await, 4);
    assert_eq!(endpoint.seen().len(), 5);
}

/// One of few places at a server; it is free again when this is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server that takes four at once and refuses the rest: every case is judged in the end, and nobody storms it.
#[tokio::test]
async fn an_overloaded_server_is_spared() {
    let (busy, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&refused);
    let endpoint = Endpoint::start(move |_, _| {
        let before = busy.fetch_add(1, Ordering::SeqCst);
        let place = Place(Arc::clone(&busy));
        if before >= 4 {
            counter.fetch_add(1, Ordering::SeqCst);
            return Reply::Status(429, None);
        }
        Reply::Late(Duration::from_millis(20), json!({"verdict": "relevant", "reason": ""}).to_string(), Arc::new(place))
    })
    .await;
    let mut workspace = suite(&endpoint.url, &rows(120), RUBRIC);
    (workspace.config.attempts_max, workspace.config.backoff_ms, workspace.config.call_timeout_s) = (12, 40, 20);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(report.metrics[0].n, 120);
    let refused = refused.load(Ordering::SeqCst);
    assert!(refused > 0 && refused < 600, "{refused} refusals for 120 cases");
}

/// 429 for ever ends: the endpoint counts as dead, and the run says so.
#[tokio::test]
async fn endless_refusals_end() {
    let endpoint = Endpoint::start(|_, _| Reply::Status(429, None)).await;
    let mut workspace = suite(&endpoint.url, &rows(60), RUBRIC);
    workspace.config.failures_in_a_row_max = 5;
    let outcome = workspace.eval("suite.yaml").await;
    assert!(outcome.text.contains("429") || outcome.text.contains("failed 5 times in a row"), "{}", outcome.text);
    Workspace::expect(outcome, 3);
    assert!(endpoint.seen().len() < 60 * 4, "{}", endpoint.seen().len());
}

/// One straggler among many fast answers is asked a second time, and the second answer counts.
#[tokio::test]
async fn a_straggler_is_asked_twice() {
    let stuck = AtomicBool::new(false);
    let endpoint = Endpoint::start(move |_, seen| {
        let last = seen.message("user").contains("answer 99<") || seen.message("user").contains("answer 99\n");
        if last && !stuck.swap(true, Ordering::SeqCst) { Reply::Silence } else { verdict("relevant") }
    })
    .await;
    let mut workspace = suite(&endpoint.url, &rows(100), RUBRIC);
    (workspace.config.concurrency, workspace.config.call_timeout_s, workspace.config.attempts_max) = (8, 60, 1);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    let times = endpoint.seen().iter().filter(|seen| seen.message("user").contains("answer 99\n")).count();
    assert_eq!((report.metrics[0].n, times), (100, 2));
}

/// Cases whose documents are the same follow each other, so that a server finds their prefix in its memory; reports keep the suite's order.
#[tokio::test]
async fn prompts_with_the_same_beginning_follow_each_other() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let rows: Vec<Value> =
        (0..12).map(|i| json!({"id": format!("c{i}"), "question": "What?", "answer": "x", "documents": [format!("document {}", i % 3)]})).collect();
    let mut workspace = suite(&endpoint.url, &rows, &format!("{RUBRIC}, sources: documents"));
    workspace.config.concurrency = 1;
    workspace.config.calls.cache_bytes_max = 0;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    let document = |text: String| text.lines().nth(2).unwrap().to_owned();
    let documents: Vec<String> = endpoint.seen().iter().map(|seen| document(seen.message("user"))).collect();
    assert_eq!(documents.chunk_by(|a, b| a == b).count(), 3, "{documents:?}");
    assert_eq!(report.cases[1].id, "c1");
}

/// Questions into a file, answers from a file, in as many rounds as the judge has steps; in the end the run asks nobody.
#[tokio::test]
async fn questions_can_wait_in_a_file() {
    let endpoint = Endpoint::start(|_, _| Reply::Status(500, None)).await;
    let mut workspace = suite(&endpoint.url, &rows(3), RUBRIC);
    workspace.batch.write = Some(workspace.path("questions.jsonl"));
    let outcome = workspace.eval("suite.yaml").await;
    assert!(outcome.exit_code == 0 && outcome.text.contains("wrote 3 questions"), "{}", outcome.text);
    // The offline runner: one line in, one line out.
    let answer = |line: &str| {
        let question: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&question["method"], &question["url"], &question["body"]["model"]),
            (&json!("POST"), &json!("/v1/chat/completions"), &json!("m"))
        );
        let body: Value =
            serde_json::from_str(&completion(&json!({"role": "assistant", "content": "{\"verdict\": \"partly\", \"reason\": \"\"}"}), &Value::Null))
                .unwrap();
        json!({"id": "vllm-1", "custom_id": question["custom_id"], "response": {"status_code": 200, "request_id": "r", "body": body}, "error": null})
            .to_string()
    };
    let answers: Vec<String> = workspace.read("questions.jsonl").lines().map(answer).collect();
    workspace.write("answers.jsonl", &answers.join("\n"));
    workspace.batch = evaluator::BatchFiles { read: Some(workspace.path("answers.jsonl")), ..evaluator::BatchFiles::default() };
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!((report.metrics[0].candidate, endpoint.seen().len()), (Some(0.5), 0));
}

/// The counters that a terminal shows.
#[tokio::test]
async fn progress_can_be_watched() {
    static PROGRESS: std::sync::LazyLock<Progress> = std::sync::LazyLock::new(Progress::default);
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let mut workspace = suite(&endpoint.url, &rows(4), &format!("{RUBRIC}{PRICED}"));
    workspace.control.progress = Some(&PROGRESS);
    Workspace::expect(workspace.eval("suite.yaml").await, 0);
    assert_eq!(PROGRESS.line(Duration::from_secs(1)), "[====================] 4/4 cases, 4 judge calls (0 kept), $0.0008");
}

/// Anchors are judged in every run. A stricter judge moves them, and the report says whose change it is; a worse app does not move them.
#[tokio::test]
async fn anchors_tell_the_judge_from_the_app() {
    let strict = Arc::new(AtomicBool::new(false));
    let is_strict = Arc::clone(&strict);
    let endpoint = Endpoint::start(move |_, seen| {
        let good = seen.message("user").contains("good");
        verdict(if good && !is_strict.load(Ordering::Relaxed) { "relevant" } else { "irrelevant" })
    })
    .await;
    let answers = |word: &str| (0..30).map(|i| row(&format!("c{i}"), &format!("{word} {i}"))).collect::<Vec<_>>();
    let mut workspace = suite(&endpoint.url, &answers("good"), &format!("{RUBRIC}, anchors: anchors.jsonl"));
    workspace.config.calls.cache_bytes_max = 0;
    let anchors: String = (0..20)
        .map(|i| {
            format!(
                "{}\n",
                json!({"id": format!("a{i}"), "question": "What?", "answer": if i < 10 { "good" } else { "poor" }, "label": i32::from(i < 10)})
            )
        })
        .collect();
    workspace.write("anchors.jsonl", &anchors);
    let with_baseline = workspace.read("suite.yaml") + "baseline: {file: baseline.json}\n";
    workspace.write("suite.yaml", &with_baseline);
    assert_eq!(workspace.update_baseline("suite.yaml").await.exit_code, 0);
    let moved = |report: &evaluator::Report| report.judges[0].warnings.iter().any(|warning| warning.contains("the judge moved"));

    let poor: String = answers("poor").iter().map(|row| format!("{row}\n")).collect();
    workspace.write("data.jsonl", &poor);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 100);
    assert!(!moved(&report), "the app fell, and the anchors stand: {:?}", report.judges[0].warnings);
    assert_eq!(report.judges[0].corrected.as_ref().unwrap().method, "rogan_gladen");

    let good: String = answers("good").iter().map(|row| format!("{row}\n")).collect();
    workspace.write("data.jsonl", &good);
    strict.store(true, Ordering::Relaxed);
    let outcome = workspace.eval("suite.yaml").await;
    assert!(outcome.text.contains("the judge moved"), "{}", outcome.text);
    assert!(moved(&Workspace::expect(outcome, 100)));
}

/// People's labels of some cases correct the mean over all of them; the interval holds the truth that the judge misses.
#[tokio::test]
async fn labels_correct_a_generous_judge() {
    let endpoint = Endpoint::start(|_, _| verdict("relevant")).await;
    let labelled = |i: usize| json!({"id": format!("c{i}"), "question": "What?", "answer": format!("answer {i}"), "human": if i < 40 { json!(u8::from(i.is_multiple_of(2))) } else { Value::Null }});
    let rows: Vec<Value> = (0..100).map(labelled).collect();
    let report = Workspace::expect(suite(&endpoint.url, &rows, &format!("{RUBRIC}, labels: human")).eval("suite.yaml").await, 0);
    let corrected = report.judges[0].corrected.as_ref().unwrap();
    assert_eq!((corrected.method.as_str(), corrected.n_labels, report.metrics[0].candidate), ("ppi++", 40, Some(1.0)));
    assert!((corrected.mean - 0.5).abs() < 1e-9 && corrected.interval[0] < 0.5 && corrected.interval[1] < 0.75, "{corrected:?}");
}
