//! Connecting to an object store, and finding out whether it can be trusted with a table's log.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use tokio::runtime::Handle;
use url::Url;

use super::Objects;
use crate::error::Error;

/// Writers that try to be the first to write one name.
const RIVALS: usize = 24;
/// Names that they race for; a store that checks first and writes then lets two win sooner or later.
const RACES: usize = 4;

/// The store behind `memory:///...`, one for all tests.
#[cfg(test)]
static IN_MEMORY: std::sync::LazyLock<Arc<object_store::memory::InMemory>> = std::sync::LazyLock::new(Arc::default);

/// Connects to the store that a URL names. Keys and endpoints come from the environment, under the names that the store's own tools use.
pub(super) fn connect(root: &str, runtime: Handle) -> Result<Objects, Error> {
    let refused = |reason: String| Error::Root { root: root.to_owned(), reason };
    let url = Url::parse(root).map_err(|error| refused(error.to_string()))?;
    let prefix = Path::from_url_path(url.path()).map_err(|error| refused(error.to_string()))?;
    Ok(Objects::new(store_of(&url, root)?, prefix, runtime))
}

fn store_of(url: &Url, root: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let refused = |reason: String| Error::Root { root: root.to_owned(), reason };
    let made: object_store::Result<Arc<dyn ObjectStore>> = match url.scheme() {
        "s3" | "s3a" => AmazonS3Builder::from_env().with_url(root).build().map(|store| Arc::new(store) as _),
        "gs" => GoogleCloudStorageBuilder::from_env().with_url(root).build().map(|store| Arc::new(store) as _),
        #[cfg(test)]
        "memory" => Ok((*IN_MEMORY).clone() as _),
        "az" | "azure" | "abfs" | "abfss" => MicrosoftAzureBuilder::from_env().with_url(root).build().map(|store| Arc::new(store) as _),
        scheme => {
            return Err(refused(format!("the scheme {scheme:?} is unknown; take s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")));
        }
    };
    made.map_err(|error| refused(error.to_string()))
}

/// Finds out whether of several writers of one name exactly one wins, and what he wrote is what is read.
///
/// Two nodes commit to one table by this alone. A store without it would let the later one write over the earlier one's commit,
/// and rows that were acked would be gone.
pub(super) async fn check_conditional_put(objects: &Objects, root: &str) -> Result<(), Error> {
    let lies = |what: String| Error::Root {
        root: root.to_owned(),
        reason: format!("it cannot be trusted with commits: {what}; take a store with conditional writes (`If-None-Match: *`)"),
    };
    let (mut n_decided, mut n_undecided) = (0, 0);
    while n_decided < RACES {
        let name = format!("_karat_probe/{}", uuid::Uuid::new_v4().simple());
        let rivals = (0..RIVALS).map(|rival| objects.create(&name, format!("rival {rival}").into_bytes()));
        let outcomes = futures::future::join_all(rivals).await;
        let mut winners = Vec::new();
        for (rival, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(()) => winners.push(rival),
                Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {}
                Err(source) => return Err(Error::Objects { action: "write", path: name, source }),
            }
        }
        let found = match objects.read(&name).await {
            Ok(found) => Some(found),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(source) => return Err(Error::Objects { action: "read", path: name, source }),
        };
        // A probe that stays does no harm.
        drop(objects.remove(&name).await);
        match winners.as_slice() {
            [winner] if found.as_deref() == Some(format!("rival {winner}").as_bytes()) => n_decided += 1,
            // The answer to the winner got lost, and when he asked again he came second to himself.
            [] if found.is_some() && n_undecided < RACES => n_undecided += 1,
            [_] => return Err(lies("what the first of several writers wrote is not what is read".to_owned())),
            [] => return Err(lies("none of several writers could write".to_owned())),
            winners => return Err(lies(format!("{} of {RIVALS} writers of one name were told that they were the first", winners.len()))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    };

    use super::*;

    /// Keeps what the last of several writers wrote, and tells each that he was the first: a store without conditional writes.
    #[derive(Debug)]
    struct Liar(InMemory);

    impl std::fmt::Display for Liar {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("liar")
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Liar {
        async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
            self.0.put_opts(path, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
        }

        async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> object_store::Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
            self.0.get_opts(path, options).await
        }

        fn delete_stream(&self, paths: BoxStream<'static, object_store::Result<Path>>) -> BoxStream<'static, object_store::Result<Path>> {
            self.0.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
            self.0.copy_opts(from, to, options).await
        }
    }

    async fn check(store: impl ObjectStore) -> Result<(), Error> {
        let objects = Objects::new(Arc::new(store), Path::from("tables"), Handle::current());
        check_conditional_put(&objects, "s3://lake/tables").await
    }

    #[tokio::test]
    async fn a_store_that_lets_several_writers_win_is_refused() {
        let refused = check(Liar(InMemory::new())).await.unwrap_err();
        assert!(refused.to_string().contains("24 of 24 writers of one name were told that they were the first"), "{refused}");
    }

    #[tokio::test]
    async fn a_store_that_keeps_the_first_is_trusted() {
        let store = Arc::new(InMemory::new());
        check(Arc::clone(&store)).await.unwrap();
        let left: Vec<_> = futures::TryStreamExt::try_collect(store.list(None)).await.unwrap();
        assert!(left.is_empty(), "the probes are cleared away");
    }
}
