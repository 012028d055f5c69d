//! Looking at a data directory without touching it.

use super::*;
use crate::Error;

async fn look(dir: &Path) -> Result<Store, Error> {
    Store::open_read_only(config(dir), Arc::new(Lines), clock()).await
}

#[tokio::test]
async fn at_rest_a_reader_sees_the_tail_of_the_log_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0").await;
    store.flush().await.unwrap();
    send(&store, "2 0").await;
    send(&store, "bad").await;
    store.settle().await.unwrap();
    drop(store);
    // The lock is free once the store's tasks have ended.
    let path = dir.path().to_owned();
    let free = tokio::task::spawn_blocking(move || crate::lock::DirLock::exclusive(&path, std::time::Duration::from_secs(5)).map(drop));
    free.await.unwrap().unwrap();
    std::fs::remove_dir_all(dir.path().join("_wal/quarantine")).unwrap();
    let before = listing(dir.path());

    let reader = look(dir.path()).await.unwrap();
    assert_eq!(count(&reader), once([1, 2]));
    assert_eq!(reader.notice(), None);
    assert_eq!(reader.tenants(), [Tenant::default()]);
    reader.settle().await.unwrap();
    let error = reader.ingest(&Tenant::default(), Signal::Traces, "3 0".into(), NOW, None).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly));
    assert_eq!(listing(dir.path()), before);
    let writer = open(StoreConfig { lock_wait_ms: 0, ..config(dir.path()) }).await;
    assert_eq!(count(&writer), once([1, 2]), "a reader does not keep a writer out");
    reader.close().await.unwrap();
}

#[tokio::test]
async fn beside_a_writer_a_reader_sees_what_is_committed_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0").await;
    store.flush().await.unwrap();
    send(&store, "2 0").await;
    let reader = look(dir.path()).await.unwrap();
    assert_eq!(count(&reader), once([1]));
    assert!(reader.notice().unwrap().contains("committed"));
    send(&store, "3 0").await;
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1, 2, 3]));
}

#[tokio::test]
async fn a_directory_without_data_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = look(&dir.path().join("nowhere")).await.err().unwrap();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let empty = look(dir.path()).await.unwrap();
    assert!(empty.tenants().is_empty());
    assert!(listing(dir.path()).is_empty());
}
