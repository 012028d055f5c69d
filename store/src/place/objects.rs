//! A table's files in an object store.

use std::io::{Cursor, Write};
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use deltalake_core::DeltaTableBuilder;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use url::Url;

use super::LOG;
use crate::budget::Budget;
use crate::error::Error;
use crate::fail::{Fail, FailPoint};
use crate::snapshot::Bloom;

/// Files above this are uploaded in parts of this size.
const PART_BYTES: usize = 16 * 1024 * 1024;
/// Parts of a file that are on their way at once.
const PARTS_AT_ONCE: usize = 4;

/// The objects under one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    runtime: Handle,
}

impl Objects {
    /// Names the objects under a prefix; the calls that block run on `runtime`.
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: Path, runtime: Handle) -> Objects {
        Objects { store, prefix, runtime }
    }

    /// Returns the objects under a prefix of this one.
    pub(crate) fn below(&self, names: &[&str]) -> Objects {
        Objects { prefix: names.iter().fold(self.prefix.clone(), |path, name| path.join(*name)), ..self.clone() }
    }

    /// Returns the store behind the objects.
    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Returns the prefix of every name.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    fn path_of(&self, path: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(path).parts()))
    }

    fn failed(&self, action: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Error {
        let path = self.path_of(path).to_string();
        move |source| Error::Objects { action, path, source }
    }

    /// Copies a file up.
    pub(super) fn upload(&self, path: &str, from: &FilePath) -> Result<(), Error> {
        let target = self.path_of(path);
        self.runtime.block_on(async {
            let mut file = tokio::fs::File::open(from).await.map_err(|source| Error::io("open", from, source))?;
            let bytes = file.metadata().await.map_err(|source| Error::io("read", from, source))?.len();
            if bytes <= PART_BYTES as u64 {
                let mut whole = Vec::new();
                file.read_to_end(&mut whole).await.map_err(|source| Error::io("read", from, source))?;
                self.store.put(&target, PutPayload::from(whole)).await.map_err(self.failed("write", path))?;
                return Ok(());
            }
            let upload = self.store.put_multipart(&target).await.map_err(self.failed("write", path))?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let mut part = vec![0; PART_BYTES];
            loop {
                let read = file.read(&mut part).await.map_err(|source| Error::io("read", from, source))?;
                if read == 0 {
                    break;
                }
                upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(self.failed("write", path))?;
                upload.write(&part[..read]);
            }
            upload.finish().await.map_err(self.failed("write", path))?;
            Ok(())
        })
    }

    /// Copies an object down.
    pub(super) fn download(&self, path: &str, to: &FilePath) -> Result<(), Error> {
        self.runtime.block_on(async {
            let mut bytes = self.store.get(&self.path_of(path)).await.map_err(self.failed("read", path))?.into_stream();
            if let Some(dir) = to.parent() {
                std::fs::create_dir_all(dir).map_err(|source| Error::io("create", dir, source))?;
            }
            let mut file = std::fs::File::create(to).map_err(|source| Error::io("create", to, source))?;
            while let Some(part) = bytes.next().await {
                file.write_all(&part.map_err(self.failed("read", path))?).map_err(|source| Error::io("write", to, source))?;
            }
            Ok(())
        })
    }

    /// Deletes an object; one that is gone already is no error.
    pub(super) fn delete(&self, path: &str) -> Result<(), Error> {
        match self.runtime.block_on(self.store.delete(&self.path_of(path))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", path)(error)),
        }
    }

    /// Reads the filters over trace ids of a data file, and no more of it than that.
    pub(super) fn bloom(&self, path: &str, memory: &Arc<Budget>) -> Result<Option<Bloom>, Error> {
        let head = self.runtime.block_on(self.store.head(&self.path_of(path))).map_err(self.failed("read", path))?;
        Bloom::of_file(&Reading { objects: self, path: self.path_of(path), bytes: head.size }, memory)
    }

    /// Lists the objects in the partitions of the table.
    pub(super) fn data_files(&self) -> Result<Vec<String>, Error> {
        let listed = self.runtime.block_on(self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>()).map_err(self.failed("list", ""))?;
        let below = listed.iter().filter_map(|object| {
            let parts: Vec<_> = object.location.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
            Some(parts.join("/"))
        });
        // The names of partitions come encoded, as the names in the log do not.
        Ok(below.filter(|path| path.starts_with("date=")).collect())
    }

    /// Lists the names directly under the prefix, of which each is that of a directory.
    pub(crate) async fn directories(&self) -> Result<Vec<String>, Error> {
        let listed = self.store.list_with_delimiter(Some(&self.prefix)).await.map_err(self.failed("list", ""))?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Lists the names in the table's log.
    pub(super) async fn log_names(&self) -> Result<Vec<String>, Error> {
        let listed = self.store.list(Some(&self.path_of(LOG))).try_collect::<Vec<_>>().await.map_err(self.failed("list", LOG))?;
        Ok(listed.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    /// Reads a version of the table's log.
    pub(super) fn read_commit(&self, version: u64) -> Result<Option<String>, Error> {
        let path = commit_name(version);
        let read = async { self.store.get(&self.path_of(&path)).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", &path)(error)),
        }
    }

    /// Writes a version of the table's log unless it exists.
    pub(super) fn put_commit(&self, version: u64, text: &str, fail: &Fail) -> Result<bool, Error> {
        let path = commit_name(version);
        match self.runtime.block_on(self.create(&path, format!("{text}\n").into_bytes())) {
            // The commit counts, and an answer that got lost would leave it in doubt.
            Ok(()) => fail.reach(FailPoint::CommitLinked).map(|()| true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", &path)(error)),
        }
    }

    /// Writes an object unless there is one of that name.
    pub(super) async fn create(&self, path: &str, bytes: Vec<u8>) -> object_store::Result<()> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.store.put_opts(&self.path_of(path), PutPayload::from(bytes), options).await.map(drop)
    }

    /// Reads a whole object.
    pub(super) async fn read(&self, path: &str) -> object_store::Result<Vec<u8>> {
        Ok(self.store.get(&self.path_of(path)).await?.bytes().await?.to_vec())
    }

    /// Deletes an object from a task that must not block.
    pub(super) async fn remove(&self, path: &str) -> object_store::Result<()> {
        self.store.delete(&self.path_of(path)).await
    }

    /// Names the table for delta-rs, which reads it through this store whatever the scheme of its address.
    pub(super) fn delta_table(&self) -> Result<DeltaTableBuilder, Error> {
        let failed = |reason: String| Error::Table { path: self.prefix.to_string().into(), reason };
        let url = Url::parse(&format!("memory:///{}/", self.prefix)).map_err(|error| failed(error.to_string()))?;
        let builder = DeltaTableBuilder::from_url(url.clone()).map_err(|error| failed(error.to_string()))?;
        Ok(builder.with_storage_backend(Arc::clone(&self.store), url))
    }
}

/// A Parquet file of which only the parts are fetched that are asked for.
struct Reading<'a> {
    objects: &'a Objects,
    path: Path,
    bytes: u64,
}

impl Length for Reading<'_> {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Reading<'_> {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.get_bytes(start, usize::try_from(self.bytes.saturating_sub(start))?).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let end = self.bytes.min(start + length as u64);
        let range = self.objects.store.get_range(&self.path, start..end);
        self.objects.runtime.block_on(range).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

fn commit_name(version: u64) -> String {
    format!("{LOG}/{version:020}.json")
}
