//! A log that was torn or damaged.

use std::path::PathBuf;

use super::*;
use crate::fail::FailPoint;
use crate::{Error, ErrorKind};

/// Returns the path of the `n`th segment.
fn segment(dir: &Path, n: usize) -> PathBuf {
    let wal = dir.join("_wal");
    let name = listing(&wal).into_keys().filter(|name| name.ends_with(".wal")).nth(n).unwrap();
    wal.join(name)
}

/// Writes a log whose last record is `10 0`, and returns it with the length up to each record.
async fn log_of_ten(dir: &Path) -> (Vec<u8>, Vec<usize>) {
    let store = open(config(dir)).await;
    let mut ends = Vec::new();
    for n in 1..=10 {
        send(&store, format!("{n} 0")).await;
        ends.push(usize::try_from(store.status().wal_bytes).unwrap());
    }
    drop(store);
    (std::fs::read(segment(dir, 0)).unwrap(), ends)
}

/// Opens a copy of the log with other bytes in its segment.
async fn reopen(dir: &Path, bytes: &[u8]) -> Result<Store, Error> {
    std::fs::write(segment(dir, 0), bytes).unwrap();
    let store = Store::open_read_only(config(dir), Arc::new(Lines), clock()).await?;
    drop(store);
    Store::open(config(dir), Arc::new(Lines), clock()).await
}

/// A crash can end the file, or leave zeros or rubbish, at any byte of the last record; the ones before it stay.
#[tokio::test]
async fn a_torn_tail_is_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, ends) = log_of_ten(dir.path()).await;
    let (from, to) = (ends[8], ends[9]);
    assert!(to - from > 40);
    for at in from..to {
        let cut = bytes[..at].to_vec();
        let mut zeros = cut.clone();
        zeros.resize(bytes.len(), 0);
        let mut rubbish = zeros.clone();
        rubbish[at..to].fill(0xa5);
        let others = [zeros, rubbish].into_iter().filter(|_| at % 4 == 0);
        for torn in std::iter::once(cut).chain(others) {
            let copy = tempfile::tempdir().unwrap();
            copy_log(dir.path(), copy.path());
            let store = reopen(copy.path(), &torn).await.unwrap();
            assert_eq!(count(&store), once(1..10), "torn at {at}");
            assert_eq!(send(&store, "11 0").await.seq, 10, "the position of the torn record is given again");
            drop(store);
            let store = open(config(copy.path())).await;
            assert_eq!(count(&store), once((1..10).chain([11])));
        }
    }
}

fn copy_log(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("_wal")).unwrap();
    for name in listing(&from.join("_wal")).into_keys() {
        std::fs::copy(from.join("_wal").join(&name), to.join("_wal").join(&name)).unwrap();
    }
}

/// Damage before records that were written later is not a torn tail: acked rows would be lost in silence.
#[tokio::test]
async fn damage_in_the_middle_of_the_last_segment_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, ends) = log_of_ten(dir.path()).await;
    for at in [ends[3], ends[3] + 20, ends[4] - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let error = reopen(dir.path(), &damaged).await.err().unwrap();
        assert!(matches!(&error, Error::Corrupt { offset, .. } if *offset == ends[3] as u64), "{error}");
    }
    let store = reopen(dir.path(), &bytes).await.unwrap();
    assert_eq!(count(&store), once(1..=10));
}

#[tokio::test]
async fn damage_in_an_earlier_segment_names_file_and_place_and_later_segments_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let long = " ".repeat(30_000);
    let store = open(config(dir.path())).await;
    for n in 1..=6 {
        send(&store, format!("{n} 0{long}")).await;
    }
    drop(store);
    let damaged = segment(dir.path(), 1);
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let error = Store::open(config(dir.path()), Arc::new(Lines), clock()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Input);
    let text = error.to_string();
    assert!(text.contains(&damaged.file_name().unwrap().display().to_string()) && text.contains("byte 40"), "{text}");

    bytes.truncate(41);
    std::fs::write(&damaged, &bytes).unwrap();
    let error = Store::open(config(dir.path()), Arc::new(Lines), clock()).await.err().unwrap();
    assert!(matches!(error, Error::Corrupt { .. }), "a file that was cut short too: {error}");

    std::fs::rename(&damaged, damaged.with_extension("skip")).unwrap();
    let store = open(config(dir.path())).await;
    let kept = count(&store);
    assert!(kept.contains_key(&1) && kept.contains_key(&6) && kept.len() < 6, "{kept:?}");
    assert_eq!(send(&store, "7 0").await.seq, 7);
    store.close().await.unwrap();
    let store = open(config(dir.path())).await;
    assert_eq!(count(&store).len(), kept.len() + 1);
}

/// The file that is skipped and the one that takes its place begin with the same position.
#[tokio::test]
async fn the_last_segment_can_be_skipped_too() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, _) = log_of_ten(dir.path()).await;
    let last = segment(dir.path(), 0);
    std::fs::write(&last, &bytes[..3]).unwrap();
    std::fs::rename(&last, last.with_extension("skip")).unwrap();
    for numbers in [0, 1, 2].map(|n| 50..=50 + n) {
        let store = open(config(dir.path())).await;
        send(&store, format!("{} 0", numbers.end())).await;
        store.settle().await.unwrap();
        assert_eq!(count(&store), once(numbers));
    }
}

#[tokio::test]
async fn a_log_of_another_directory_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (bytes, _) = log_of_ten(one.path()).await;
    log_of_ten(other.path()).await;
    let error = reopen(other.path(), &bytes).await.err().unwrap();
    assert!(error.to_string().contains("belongs to another log"), "{error}");
}

/// A body that holds the bytes of a record must not be taken for one when the log is searched behind a torn record.
#[tokio::test]
async fn a_body_cannot_pass_for_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, ends) = log_of_ten(dir.path()).await;
    let other = tempfile::tempdir().unwrap();
    let store = open(config(other.path())).await;
    send(&store, "1 0").await;
    send(&store, bytes[40..ends[9]].to_vec()).await;
    drop(store);
    let mut torn = std::fs::read(segment(other.path(), 0)).unwrap();
    let last = torn.iter().rposition(|byte| *byte != 0).unwrap();
    torn.truncate(last);
    let store = reopen(other.path(), &torn).await.unwrap();
    assert_eq!(count(&store), once([1]));
}

/// After a failed sync nobody knows what the disk holds: the log goes on in another file, and what was refused does not count.
#[tokio::test]
async fn a_failed_sync_refuses_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in [1, 3, 5] {
        store.inner.fail.set(Some(FailPoint::LogWritten));
        let refused = store.ingest(&Tenant::default(), Signal::Traces, format!("{} 0", n + 1).into(), NOW, None).await;
        assert!(refused.is_err());
        store.inner.fail.set(None);
        for _ in 0..2 {
            send(&store, format!("{n} 0")).await;
        }
    }
    store.settle().await.unwrap();
    assert_eq!(count(&store), once([1, 3, 5]));
    drop(store);
    let store = open(config(dir.path())).await;
    assert_eq!(count(&store), once([1, 3, 5]));
    assert!(!send(&store, "2 0").await.duplicate);
    store.close().await.unwrap();
}

/// What lies behind the place where the next file begins was refused, even if it could not be cut off.
#[tokio::test]
async fn records_behind_the_next_file_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0").await;
    send(&store, "2 0").await;
    drop(store);
    let store = open(config(dir.path())).await;
    send(&store, "3 0").await;
    drop(store);
    let (first, second) = (segment(dir.path(), 0), segment(dir.path(), 1));
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("_wal")).unwrap();
    for path in [first.clone(), dir.path().join("_wal/id")] {
        std::fs::copy(&path, other.path().join("_wal").join(path.file_name().unwrap())).unwrap();
    }
    let store = open(config(other.path())).await;
    send(&store, "99 0").await;
    drop(store);
    let refused = std::fs::read(segment(other.path(), 1)).unwrap();
    let mut bytes = std::fs::read(&first).unwrap();
    bytes.extend_from_slice(&refused[40..]);
    std::fs::write(&first, bytes).unwrap();
    assert!(second.exists());
    assert_eq!(count(&open(config(dir.path())).await), once([1, 2, 3]));
}

/// Segments go when their rows are committed, and not before.
#[tokio::test]
async fn segments_are_deleted_once_their_rows_are_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let long = " ".repeat(20_000);
    for n in 1..=20 {
        send(&store, format!("{n} 0{long}")).await;
    }
    assert!(store.status().wal_segments > 5);
    store.flush().await.unwrap();
    assert_eq!(store.status().wal_segments, 1);
    for n in 21..=22 {
        send(&store, format!("{n} 0{long}")).await;
    }
    store.settle().await.unwrap();
    assert_eq!(count(&store).len(), 22);
    drop(store);
    assert_eq!(count(&open(config(dir.path())).await), once(1..=22));
}
