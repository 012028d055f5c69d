//! Filters over trace ids of files that were there at the start: read once, kept in memory.

use std::sync::Arc;

use crate::blocking::blocking;
use crate::error::Error;
use crate::snapshot::{Bloom, DataFile};
use crate::store::Inner;

/// Reads the filters over trace ids of the files that were there at the start, newest first.
pub(super) async fn warm(inner: &Arc<Inner>) {
    let inner = Arc::clone(inner);
    if let Err(error) = blocking(move || read(&inner)).await {
        tracing::warn!(%error, "could not read the filters over trace ids; looking up a trace opens more files");
    }
}

fn read(inner: &Inner) -> Result<(), Error> {
    let tables = inner.tables.all().into_iter().filter(|state| state.table.columns().iter().any(|column| column.name == Bloom::COLUMN));
    let files = tables.flat_map(|state| state.files().iter().map(|file| (Arc::clone(&state), Arc::clone(file))).collect::<Vec<_>>());
    let mut files: Vec<_> = files.filter(|(_, file)| file.ids.is_none()).collect();
    files.sort_by_key(|(_, file)| std::cmp::Reverse(file.time.max));
    for (state, file) in files {
        if inner.stop.is_cancelled() {
            return Ok(());
        }
        let Some(ids) = state.place.bloom(&file.path, &inner.blooms)? else { continue };
        state.refine(DataFile { ids: Some(Arc::new(ids)), ..file.as_ref().clone() });
    }
    Ok(())
}
