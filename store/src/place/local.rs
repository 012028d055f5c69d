//! Files on this machine, as queries read them: at once where the system has them in memory, on another thread where it must fetch them first.
//!
//! Handing a read to another thread and back takes longer than most reads.

use std::fmt;
use std::fs::File;
use std::io::IoSliceMut;
use std::ops::Range;
use std::path::Path as FilePath;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result,
};

/// The files below a directory.
#[derive(Debug)]
pub(super) struct LocalFiles(LocalFileSystem);

impl LocalFiles {
    pub(super) fn new(directory: &FilePath) -> Result<LocalFiles> {
        Ok(LocalFiles(LocalFileSystem::new_with_prefix(directory)?))
    }

    /// Reads what the system has in memory; nothing where some of it is not there.
    #[cfg(target_os = "linux")]
    fn at_hand(&self, location: &Path, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
        let file = File::open(self.0.path_to_filesystem(location).ok()?).ok()?;
        ranges.iter().map(|range| read_at_hand(&file, range)).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn at_hand(&self, _: &Path, _: &[Range<u64>]) -> Option<Vec<Bytes>> {
        None
    }
}

#[cfg(target_os = "linux")]
fn read_at_hand(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end.checked_sub(range.start)?).ok()?];
    let mut n_read = 0;
    while n_read < bytes.len() {
        let rest = &mut [IoSliceMut::new(&mut bytes[n_read..])];
        match rustix::io::preadv2(file, rest, range.start + n_read as u64, rustix::io::ReadWriteFlags::NOWAIT) {
            Ok(n) if n > 0 => n_read += n,
            _ => return None,
        }
    }
    Some(Bytes::from(bytes))
}

impl fmt::Display for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for LocalFiles {
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.at_hand(location, ranges) {
            Some(bytes) => Ok(bytes),
            None => self.0.get_ranges(location, ranges).await,
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ranges_are_read_as_the_library_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), (0..=255).collect::<Vec<u8>>()).unwrap();
        let files = LocalFiles::new(dir.path()).unwrap();
        let path = Path::from("file");
        let ranges = [3..7, 250..256, 9..9];
        assert_eq!(files.get_ranges(&path, &ranges).await.unwrap(), files.0.get_ranges(&path, &ranges).await.unwrap());
        for wrong in [250..257, 300..301] {
            let (own, other) =
                (files.get_ranges(&path, std::slice::from_ref(&wrong)).await, files.0.get_ranges(&path, std::slice::from_ref(&wrong)).await);
            assert_eq!(own.map_err(|error| error.to_string()), other.map_err(|error| error.to_string()));
        }
        assert!(files.get_ranges(&Path::from("none"), &ranges).await.is_err());
    }
}
