//! `kill -9` at random moments: a child process takes records in and commits as fast as it can, until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const CHILD: &str = "KARAT_TEST_KILL";
const ROUNDS: u64 = 15;

/// The child sends bodies of 10 spans; what it was killed over is sent again by the next one, as a client would.
#[test]
fn what_was_acked_before_a_kill_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked: u64 = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::child", "--ignored", "--nocapture"])
            .env(CHILD, dir.path())
            .env("KARAT_TEST_FROM", acked.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut acks = lines.filter_map(|line| line.strip_prefix("acked ")?.parse::<u64>().ok());
        let before = acked;
        for _ in 0..=(round * 7_919) % 40 {
            acked = acks.next().expect("the child lives until it is killed") + 1;
        }
        child.kill().unwrap();
        acked = acks.last().map_or(acked, |last| last + 1);
        child.wait().unwrap();
        assert!(acked > before);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let reader = Store::open_read_only(config(dir.path()), Arc::new(Lines), clock()).await.unwrap();
        let store = open(config(dir.path())).await;
        for store in [reader, store] {
            let counts = count(&store);
            assert!(counts.values().all(|count| *count == 1), "{counts:?}");
            let unacked: Vec<u64> = counts.keys().copied().filter(|number| *number >= acked * 10).collect();
            assert_eq!(counts.len(), usize::try_from(acked).unwrap() * 10 + unacked.len());
            assert!(unacked.len().is_multiple_of(10) && unacked.len() <= 40, "{unacked:?}");
        }
    });
}

/// Runs in the child: sends four bodies at a time and tells of each that is acked, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run and killed by the test above"]
async fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let from: u64 = std::env::var("KARAT_TEST_FROM").unwrap().parse().unwrap();
    let hasty = StoreConfig { flush_interval_ms: 1, commits_per_second: 1_000, compact_files: 3, checkpoint_commits: 5, ..config(Path::new(&dir)) };
    let store = open(hasty).await;
    for next in (from..).step_by(4) {
        let bodies = (next..next + 4).map(|n| (0..10).map(|i| format!("{} {}\n", n * 10 + i, i % 3)).collect::<String>());
        futures::future::join_all(bodies.map(|body| send(&store, body))).await;
        let mut out = std::io::stdout().lock();
        for n in next..next + 4 {
            writeln!(out, "acked {n}").unwrap();
        }
    }
}
