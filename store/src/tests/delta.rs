//! The tables on disk, as any reader of Delta tables meets them.

use deltalake_core::kernel::Action;
use deltalake_core::{DeltaTable, DeltaTableBuilder};
use url::Url;

use super::*;
use crate::delta::{Rows as Kept, remove};
use crate::maintain::look_after;
use crate::table_state::TableState;

async fn delta(store: &Store, table: Table) -> DeltaTable {
    let root = store.inner.snapshot(&Tenant::default(), table).root;
    DeltaTableBuilder::from_url(Url::from_directory_path(root).unwrap()).unwrap().load().await.unwrap()
}

fn spans(store: &Store) -> Arc<TableState> {
    store.inner.tables.find(&Tenant::default(), Table::Spans).unwrap()
}

/// Returns the paths that delta-rs finds, which must be those of our own list.
async fn check_files(store: &Store) -> Vec<String> {
    let table = delta(store, Table::Spans).await;
    let mut theirs: Vec<String> = table.snapshot().unwrap().log_data().iter().map(|file| file.path().into_owned()).collect();
    let mut ours: Vec<String> = spans(store).files().iter().map(|file| file.path.clone()).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(theirs, ours);
    ours
}

#[tokio::test]
async fn another_reader_finds_schema_statistics_and_position() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    let receipt = send(&store, "1 0\n2 0\n3 1").await;
    store.flush().await.unwrap();
    assert_eq!(check_files(&store).await.len(), 2);

    let table = delta(&store, Table::Spans).await;
    let state = table.snapshot().unwrap();
    let names: Vec<String> = state.schema().fields().map(|field| field.name().clone()).collect();
    assert_eq!(names, Table::Spans.columns().iter().map(|column| column.name).collect::<Vec<_>>());
    assert_eq!(state.metadata().partition_columns(), &["date"]);
    let id = crate::wal::read_id(&crate::disk::OsDisk, &store.inner.wal_dir()).unwrap().unwrap().app_id();
    let position = state.transaction_version(table.log_store().as_ref(), id).await.unwrap();
    assert_eq!(position, Some(i64::try_from(receipt.seq).unwrap()));

    let stats: Vec<serde_json::Value> = state.log_data().iter().map(|file| serde_json::from_str(&file.stats().unwrap()).unwrap()).collect();
    let of_two = stats.iter().find(|stats| stats["numRecords"] == 2).unwrap();
    assert_eq!(of_two["minValues"]["start_time"], "2100-01-01T00:00:00.000Z");
    assert_eq!(of_two["maxValues"]["start_time"], "2100-01-01T00:00:00.001Z", "bounds are rounded outwards");
    assert_eq!(of_two["minValues"]["service_name"], "shop");
    assert_eq!(of_two["nullCount"]["operation"], 2);
    assert!(of_two["minValues"].get("output_text").is_none(), "few columns have statistics");
}

/// What a restart reads from the log must prune as well as what the writer knew.
#[tokio::test]
async fn bounds_and_filters_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0\n2 0").await;
    store.close().await.unwrap();
    let before = spans(&store).files();
    let store = open(config(dir.path())).await;
    let started = std::time::Instant::now();
    while spans(&store).files()[0].ids.is_none() {
        assert!(started.elapsed().as_secs() < 20);
        tokio::task::yield_now().await;
    }
    let after = spans(&store).files();
    assert_eq!((after[0].rows, after[0].bytes, after[0].date), (before[0].rows, before[0].bytes, before[0].date));
    let (wide, exact) = (&after[0], &before[0]);
    for (wide, exact) in [(wide.time, exact.time), (wide.ingested, exact.ingested)] {
        assert!(wide.min <= exact.min && exact.min.unwrap() - wide.min.unwrap() < 1_000);
        assert!(wide.max >= exact.max && wide.max.unwrap() - exact.max.unwrap() < 2_000);
    }
    assert!(after[0].ids.as_ref().unwrap().may_contain(&span(1, 0, NOW).trace_id.to_string()));
}

#[tokio::test]
async fn small_files_become_one_and_the_old_ones_go_later() {
    let dir = tempfile::tempdir().unwrap();
    let hour_ms = 3_600_000;
    let time = Arc::new(std::sync::atomic::AtomicI64::new(NOW.0));
    let ticking = Arc::clone(&time);
    let clock: Clock = Arc::new(move || Micros(ticking.load(std::sync::atomic::Ordering::Relaxed)));
    let settings = StoreConfig { compact_files: 5, deleted_file_retention_hours: 2, checkpoint_commits: 4, ..config(dir.path()) };
    let store = Store::open(settings.clone(), Arc::new(Lines), Arc::clone(&clock)).await.unwrap();
    for n in 0..12 {
        send(&store, format!("{n} {}", n % 2)).await;
        store.flush().await.unwrap();
    }
    look_after(&store.inner, &spans(&store)).await.unwrap();
    let files = check_files(&store).await;
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(count(&store), once(0..12));
    let on_disk =
        || listing(&dir.path().join("default/spans")).into_keys().filter(|name| name.ends_with(".parquet") && name.starts_with("date")).count();
    assert_eq!(on_disk(), 14, "a query that began before the join can still read");
    let checkpoints = || listing(&dir.path().join("default/spans/_delta_log")).into_keys().filter(|name| name.contains(".checkpoint")).count();
    assert_eq!(checkpoints(), 1);
    store.close().await.unwrap();

    let store = Store::open(settings, Arc::new(Lines), clock).await.unwrap();
    assert_eq!(on_disk(), 14, "a restart keeps them as well");
    assert_eq!(count(&store), once(0..12));
    time.fetch_add(3 * hour_ms * 1_000, std::sync::atomic::Ordering::Relaxed);
    look_after(&store.inner, &spans(&store)).await.unwrap();
    assert_eq!(on_disk(), 2);
    assert_eq!(count(&store), once(0..12));
    check_files(&store).await;
}

/// Queries and commits go on while files are joined; no moment shows a row twice or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_files_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig { compact_files: 3, checkpoint_commits: 5, ..config(dir.path()) }).await;
    send(&store, "0 0").await;
    store.flush().await.unwrap();
    let state = spans(&store);
    let (inner, joined) = (Arc::clone(&store.inner), Arc::clone(&state));
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    let join = tokio::spawn(async move {
        while !stopped.is_cancelled() {
            look_after(&inner, &joined).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for n in 1..20 {
        send(&store, format!("{n} 0")).await;
        store.settle().await.unwrap();
        assert_eq!(count(&store), once(0..=n));
        store.flush().await.unwrap();
        assert_eq!(count(&store), once(0..=n));
    }
    stop.cancel();
    join.await.unwrap();
    check_files(&store).await;
    drop(store);
    assert_eq!(count(&open(config(dir.path())).await), once(0..20));
}

/// Another program may write to the table beside us; its commits are taken in, ours come after them.
#[tokio::test]
async fn commits_of_another_program_are_taken_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    for n in 0..2 {
        send(&store, format!("{n} 0")).await;
        store.flush().await.unwrap();
    }
    let state = spans(&store);
    let gone = Arc::clone(&state.files()[0]);
    let line = serde_json::to_string(&remove(&gone, Kept::Change, NOW)).unwrap();
    std::fs::write(state.root.join("_delta_log/00000000000000000003.json"), line + "\n").unwrap();
    send(&store, "2 0").await;
    store.flush().await.unwrap();
    assert_eq!(count(&store), once([1, 2]));
    assert_eq!(check_files(&store).await.len(), 2);
}

/// A table of an older karat gets the columns that it lacks; its rows are null there.
#[tokio::test]
async fn a_table_that_lacks_a_column_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0").await;
    store.close().await.unwrap();
    let first = dir.path().join("default/spans/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&first).unwrap();
    let mut lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut schema: serde_json::Value = serde_json::from_str(lines[2]["metaData"]["schemaString"].as_str().unwrap()).unwrap();
    schema["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "workflow_name");
    lines[2]["metaData"]["schemaString"] = schema.to_string().into();
    std::fs::write(&first, lines.iter().map(|line| line.to_string() + "\n").collect::<String>()).unwrap();

    let store = open(config(dir.path())).await;
    assert_eq!(count(&store), once([1]));
    send(&store, "2 0").await;
    store.flush().await.unwrap();
    let table = delta(&store, Table::Spans).await;
    assert!(table.snapshot().unwrap().schema().field("workflow_name").is_some());
    assert_eq!(check_files(&store).await.len(), 2);
    drop(store);
    assert_eq!(count(&open(config(dir.path())).await), once([1, 2]));
}

#[tokio::test]
async fn a_remove_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await;
    send(&store, "1 0").await;
    store.flush().await.unwrap();
    let file = Arc::clone(&spans(&store).files()[0]);
    let line = serde_json::to_string(&remove(&file, Kept::Stay, NOW)).unwrap();
    let Action::Remove(read) = serde_json::from_str(&line).unwrap() else { panic!("a remove") };
    assert_eq!((read.path, read.data_change), (file.path.clone(), false));
}
