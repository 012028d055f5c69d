//! The tables as they are at one moment: a version, and the files that belong to it.

use schema::Table;

use super::BackedUpTable;
use crate::error::Error;
use crate::place::{LOG, Place, Root};

/// One table at one version.
pub(super) struct Captured {
    pub table: BackedUpTable,
    pub place: Place,
    /// Its files and then the entries of its log, as paths in the table.
    pub files: Vec<String>,
}

/// Lists the files of every table.
pub(super) async fn capture(root: &Root) -> Result<Vec<Captured>, Error> {
    let mut captured = Vec::new();
    for tenant in root.tenants().await? {
        for table in Table::ALL {
            let place = root.place_of(&tenant, *table);
            if place.last_checkpoint().await?.is_none() {
                continue;
            }
            let (version, mut files) = live(&place).await?;
            let table = BackedUpTable { tenant: tenant.to_string(), table: table.name().to_owned(), version, files: files.len() };
            files.extend(place.log_up_to(version).await?.into_iter().map(|name| format!("{LOG}/{name}")));
            captured.push(Captured { table, place, files });
        }
    }
    Ok(captured)
}

async fn live(place: &Place) -> Result<(u64, Vec<String>), Error> {
    let table = place.delta_table().await?;
    let state = table.snapshot().map_err(|error| Error::Table { path: place.dir().to_owned(), reason: error.to_string() })?;
    Ok((state.version(), state.log_data().iter().map(|file| file.path().into_owned()).collect()))
}
