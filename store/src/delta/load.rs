//! Reading a table's log through delta-rs, checkpoints and all.

use std::sync::Arc;

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::LogicalFileView;
use deltalake_core::protocol::checkpoints::{cleanup_metadata, create_checkpoint};
use futures::TryStreamExt;

use super::{DeltaLog, action, bad};
use crate::error::Error;
use crate::fail::{Fail, FailPoint};
use crate::place::Place;
use crate::snapshot::DataFile;

/// What a table's log says.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub files: Vec<Arc<DataFile>>,
    /// The last record of our log whose rows are in the files; 0 where none is.
    pub through: u64,
}

impl DeltaLog {
    /// Reads the table's log; nothing where there is no table.
    pub(crate) async fn load(&mut self) -> Result<Option<Loaded>, Error> {
        let Some(last_checkpoint) = self.place.last_checkpoint().await? else { return Ok(None) };
        // A commit may have been linked and not synced when its writer was killed: what is built on it must find it.
        self.place.sync_log()?;
        let table = self.place.delta_table().await?;
        let failed = |error: DeltaTableError| bad(self.place.dir(), &error.to_string());
        let state = table.snapshot().map_err(failed)?;
        let protocol = state.protocol();
        if protocol.min_reader_version() > 1 {
            return Err(bad(self.place.dir(), "another program gave it features that karat does not read"));
        }
        let files = state.log_data().iter().map(|view| self.file_of(&view)).collect::<Result<Vec<_>, Error>>()?;
        let log_store = table.log_store();
        let through = state.transaction_version(log_store.as_ref(), &self.app_id).await.map_err(failed)?;
        let replaced: Vec<_> = state.all_tombstones(log_store.as_ref()).try_collect().await.map_err(failed)?;
        let known: Vec<String> = state.schema().fields().map(|field| field.name().clone()).collect();
        let lacks_ours = self.table.columns().iter().any(|column| !known.iter().any(|name| name == column.name));
        let has_others = known.iter().any(|name| !self.table.columns().iter().any(|column| column.name == name));
        if lacks_ours && has_others {
            return Err(bad(self.place.dir(), "its columns are of another version of karat, and cannot be brought together with this one's"));
        }
        self.outdated = lacks_ours.then(|| state.metadata().id().to_owned());
        self.version = Some(state.version());
        self.streams = None;
        self.since_checkpoint = state.version().saturating_sub(last_checkpoint);
        self.replaced = replaced.iter().map(|view| (view.path().into_owned(), view.deletion_timestamp().unwrap_or_default())).collect();
        self.replaced.sort_by_key(|(_, at_ms)| *at_ms);
        Ok(Some(Loaded { files, through: through.and_then(|through| u64::try_from(through).ok()).unwrap_or(0) }))
    }

    fn file_of(&self, view: &LogicalFileView) -> Result<Arc<DataFile>, Error> {
        if view.deletion_vector_descriptor().is_some() {
            return Err(bad(self.place.dir(), "it has deletion vectors, which karat does not read"));
        }
        let partition = view.partition_values_map();
        let date = partition.get("date").and_then(Option::as_deref);
        let path = view.path().into_owned();
        Ok(Arc::new(action::data_file(&self.place, self.table, path, view.size(), date, view.stats().as_deref())?))
    }
}

/// Writes a checkpoint of the table's newest version, and deletes the log's entries that are old and covered by an earlier one.
pub(crate) async fn checkpoint(place: &Place, fail: &Fail) -> Result<(), Error> {
    let table = place.delta_table().await?;
    let failed = |error: DeltaTableError| bad(place.dir(), &error.to_string());
    create_checkpoint(&table, None).await.map_err(failed)?;
    fail.reach(FailPoint::CheckpointWritten)?;
    place.sync_checkpoint()?;
    cleanup_metadata(&table, None).await.map_err(failed)?;
    Ok(())
}
