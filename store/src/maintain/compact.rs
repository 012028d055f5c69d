//! Many small files become one: sorted by time, compressed harder, with finer filters over ids.

use crate::datafile::FileWriter;
use crate::delta::{Operation, Rows};
use crate::error::Error;
use crate::fail::FailPoint;
use crate::layout::Effort;
use crate::maintain::merge::Merge;
use crate::maintain::pick::Picked;
use crate::maintain::replace::{Replacement, replace};
use crate::store::Inner;
use crate::table_state::TableState;
use crate::writer::take_in;

/// Makes one file of several: of the first of those that were picked, where memory is too short for all. Returns `false` where another program
/// took one of them away meanwhile. Blocks.
pub(super) fn compact(inner: &Inner, state: &TableState, picked: &Picked) -> Result<bool, Error> {
    let name = {
        let mut log = state.log.blocking_lock();
        take_in(inner, state, &mut log)?;
        log.file_of_compaction()
    };
    let fetched = picked.files.iter().map(|file| state.place.fetch(&file.path));
    let merge = Merge::open(state.table, fetched, &inner.config)?;
    let files = &picked.files[..merge.n_files()];
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let writer = FileWriter { table: state.table, root: &state.root, name: &name, config: &inner.config, blooms: &inner.blooms };
    let written = writer.write(picked.date, Effort::Keep, merge.n_rows(), |file, properties| merge.write(file, properties))?;
    if written.file.rows != rows {
        let reason = format!("{} of {rows} rows were found in {} files that should be joined", written.file.rows, files.len());
        state.place.discard(&written.file.path)?;
        return Err(Error::Table { path: state.root.clone(), reason });
    }
    inner.fail.reach(FailPoint::CompactionWritten)?;
    let replacement = Replacement { operation: Operation::Compact, rows: Rows::Stay, removed: files, added: vec![written] };
    let swapped = replace(inner, state, replacement)?;
    if swapped {
        inner.work.compacted(files.len(), files.iter().map(|file| file.bytes).sum());
        let (tenant, table) = (state.tenant.as_str(), state.table.name());
        tracing::debug!(tenant, table, n_files = files.len(), n_rows = rows, "joined small files");
    }
    Ok(swapped)
}
