//! A disk without room. A child process runs under a limit on file sizes, with the signal of that limit ignored, so that writes
//! fail as they do on a full disk.

use std::process::Command;

use super::*;
use crate::ErrorKind;

const CHILD: &str = "KARAT_TEST_DISK_FULL";

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" --exact tests::disk_full::child --ignored --nocapture";
    let child = Command::new("sh").args(["-c", script]).arg(std::env::current_exe().unwrap()).env(CHILD, dir.path()).output().unwrap();
    let output = [child.stdout, child.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(config(dir.path())).await;
        store.flush().await.unwrap();
        assert_eq!(count(&store), once((0..20).chain([1_000, 2_000, 7_777])), "what was acked, and nothing that was refused");
    });
}

/// Runs in the child, where no file may grow over 128 KiB.
#[tokio::test]
#[ignore = "run by the test above, under a limit on file sizes"]
async fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = open(StoreConfig { wal_segment_bytes: 100_000, ..config(Path::new(&dir)) }).await;
    for n in 0..20 {
        send(&store, format!("{n} 0")).await;
    }
    for n in [100, 200] {
        let large = format!("{n} 0{}", " ".repeat(300_000));
        let error = store.ingest(&Tenant::default(), Signal::Traces, large.into(), NOW, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Retry);
        assert!(error.to_string().contains("full"), "{error}");
        let receipt = send(&store, format!("{} 0", n * 10)).await;
        assert!(!receipt.duplicate, "the log goes on after a refusal");
    }
    let refused = store.ingest(&Tenant::default(), Signal::Traces, format!("100 0{}", " ".repeat(300_000)).into(), NOW, None).await;
    assert!(refused.is_err(), "what was refused is not taken for a duplicate");
    store.flush().await.unwrap();
    send(&store, "large 7777").await;
    let error = store.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(count(&store).len(), 23, "a commit that failed loses nothing, and doubles nothing");
    store.close().await.unwrap_err();
}
