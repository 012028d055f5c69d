//! A copy of a data directory and the way back: whole, or refused.

use super::*;
use crate::{Error, Subject, backup, restore};

/// Writes one span to the tables and one to the log alone, and backs them up.
async fn backed_up(config: &StoreConfig, to: &Path) -> Store {
    let store = open(config.clone()).await;
    send(&store, "1 0").await;
    store.flush().await.unwrap();
    send(&store, "2 0").await;
    backup(config, to, NOW).await.unwrap();
    store
}

/// Counts the spans as queries see them, wherever the tables are.
async fn seen(config: StoreConfig) -> i64 {
    let store = open(config).await;
    let answer = store.query(&Tenant::default(), "select count(*) from spans", &store.query_options()).await.unwrap();
    store.close().await.unwrap();
    answer.rows::<(i64,)>().unwrap()[0].0
}

/// Tables in an object store are copied with what only the log of this node has, and go back into a directory or into another store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_in_an_object_store_are_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let unique = dir.path().file_name().unwrap().display();
    let kept_in = |name: &str, data: &str| StoreConfig { root: format!("memory:///{unique}/{name}"), ..config(&dir.path().join(data)) };
    let (from, to) = (kept_in("bucket", "data"), kept_in("another", "back"));
    let copy = dir.path().join("copy");
    let store = backed_up(&from, &copy).await;
    store.close().await.unwrap();
    let manifest = restore(&config(&dir.path().join("alone")), &copy).await.unwrap();
    assert_eq!(manifest.tables.iter().map(|table| (table.table.as_str(), table.files)).collect::<Vec<_>>(), [("spans", 1)]);
    assert_eq!(seen(config(&dir.path().join("alone"))).await, 2);
    restore(&to, &copy).await.unwrap();
    assert_eq!(seen(to.clone()).await, 2);
    let taken = StoreConfig { data: dir.path().join("elsewhere"), ..to };
    assert!(matches!(restore(&taken, &copy).await.unwrap_err(), Error::Root { .. }), "a restore writes over no table");
}

/// A damaged backup is told before anything is written, and a restore that broke off leaves nothing that a karat takes for its data.
#[tokio::test]
async fn half_a_backup_is_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, back) = (dir.path().join("copy"), dir.path().join("back"));
    let store = backed_up(&config(&dir.path().join("data")), &copy).await;
    let file = listing(&copy).into_keys().find(|name| name.ends_with(".parquet")).unwrap();
    let whole = std::fs::read(copy.join(&file)).unwrap();
    std::fs::write(copy.join(&file), &whole[1..]).unwrap();
    let error = restore(&config(&back), &copy).await.unwrap_err();
    assert!(error.to_string().contains("damaged") && !back.exists(), "{error}");

    std::fs::write(copy.join(&file), whole).unwrap();
    std::fs::create_dir_all(back.join("default/spans")).unwrap();
    std::fs::write(back.join("_restoring"), "").unwrap();
    let refused = Store::open(config(&back), Arc::new(Lines), clock()).await.err().unwrap();
    assert!(matches!(refused, Error::HalfRestored { .. }) && refused.to_string().contains("run it again"), "{refused}");
    assert!(matches!(Store::open_read_only(config(&back), Arc::new(Lines), clock()).await.err(), Some(Error::HalfRestored { .. })));
    restore(&config(&back), &copy).await.unwrap();
    assert_eq!(count(&open(config(&back)).await), once([1, 2]));
    store.close().await.unwrap();
}

/// Whom a request names that waits is in the tables of the backup still: the request goes with them.
#[tokio::test]
async fn who_is_to_be_forgotten_is_forgotten_in_the_backup_too() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, back) = (dir.path().join("data"), dir.path().join("copy"), dir.path().join("back"));
    let tenant = Tenant::default();
    let of_user = |number, user: &str| Span { user_id: Some(user.to_owned()), ..span(number, 0, NOW) };
    let store = open(config(&data)).await;
    store.append(&tenant, &[of_user(1, "ann"), of_user(2, "bob")], NOW).await.unwrap();
    store.close().await.unwrap();
    Store::leave_forget_request(&data, &tenant, Subject::User("ann".to_owned()), NOW).unwrap();
    backup(&config(&data), &copy, NOW).await.unwrap();
    restore(&config(&back), &copy).await.unwrap();
    let store = open(config(&back)).await;
    let started = std::time::Instant::now();
    while count(&store) != once([2]) {
        assert!(started.elapsed().as_secs() < 30, "the request is carried out");
        tokio::task::yield_now().await;
    }
}
