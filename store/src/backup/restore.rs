//! The way back: a backup in the place of a data directory, and of an object store where the settings name one.

use std::path::{Component, Path, PathBuf};

use futures::future::BoxFuture;
use schema::{Table, Tenant};

use super::manifest::{BackedUpFile, Manifest};
use super::{absolute, copied, must_be_empty, unfinished};
use crate::blocking::blocking;
use crate::config::StoreConfig;
use crate::error::Error;
use crate::place::{Place, Root};

/// Puts a backup in the place of the data directory of the settings, which must be empty or not there.
///
/// The tables go where the settings keep them, wherever they came from. One that is broken off leaves a directory that no karat
/// takes; the next one begins anew there.
pub fn restore<'a>(config: &'a StoreConfig, from: &'a Path) -> BoxFuture<'a, Result<Manifest, Error>> {
    Box::pin(async move {
        let (from, data) = (absolute(from)?, absolute(&config.data)?);
        let manifest = Manifest::read(&from)?;
        manifest.files.iter().try_for_each(|file| check(&from, file))?;
        let root = Root::of(&StoreConfig { data: data.clone(), ..config.clone() })?;
        let places = places_of(&root, &manifest)?;
        if !unfinished::is_there(&data) {
            must_be_empty(&data)?;
            must_be_free(config, &places).await?;
        }
        blocking(move || {
            unfinished::begin(&data)?;
            for file in &manifest.files {
                put(&from, &data, &places, file)?;
            }
            unfinished::end(&data)?;
            Ok(manifest)
        })
        .await
    })
}

/// Refuses a backup that lost a part since it was made.
fn check(from: &Path, file: &BackedUpFile) -> Result<(), Error> {
    let path = from.join(&file.path);
    let damaged = |reason: String| Error::Table { path: path.clone(), reason: format!("{reason}; the backup is damaged, and nothing was restored") };
    if !Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(damaged("its name leads out of the backup".to_owned()));
    }
    match std::fs::metadata(&path) {
        Ok(found) if found.len() == file.bytes => Ok(()),
        Ok(found) => Err(damaged(format!("it has {} bytes and should have {}", found.len(), file.bytes))),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// The place of each table, by how the names of its files begin.
fn places_of(root: &Root, manifest: &Manifest) -> Result<Vec<(String, Place)>, Error> {
    let place = |tenant: &str, table: &str| Some(root.place_of(&Tenant::new(tenant).ok()?, Table::from_name(table)?));
    let places = manifest.tables.iter().map(|of| {
        let unknown = || Error::Table {
            path: PathBuf::from(&of.table),
            reason: "another version of karat backed it up, and this one has no such table".to_owned(),
        };
        Ok((format!("{}/{}/", of.tenant, of.table), place(&of.tenant, &of.table).ok_or_else(unknown)?))
    });
    places.collect()
}

/// Refuses an object store that has one of the tables.
async fn must_be_free(config: &StoreConfig, places: &[(String, Place)]) -> Result<(), Error> {
    for (name, place) in places {
        if place.last_checkpoint().await?.is_some() {
            let reason = format!("{name} is there already; name a prefix that is empty");
            return Err(Error::Root { root: config.root.clone(), reason });
        }
    }
    Ok(())
}

fn put(from: &Path, data: &Path, places: &[(String, Place)], file: &BackedUpFile) -> Result<(), Error> {
    let source = from.join(&file.path);
    let of_table = places.iter().find_map(|(prefix, place)| Some((place, file.path.strip_prefix(prefix.as_str())?)));
    match of_table {
        Some((place, path)) if place.is_shared() => place.put(path, &source),
        _ => copied(data, &file.path, |target| std::fs::copy(&source, target).map(drop).map_err(|error| Error::io("copy", &source, error))).map(drop),
    }
}
