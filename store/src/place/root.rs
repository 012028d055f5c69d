//! Where all tables are: under the data directory, or under a URL.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::prefix::PrefixStore;
use schema::{Table, Tenant};
use tokio::runtime::Handle;

use super::local::LocalFiles;
use super::{Objects, Place, directory, remote};
use crate::config::StoreConfig;
use crate::error::Error;

/// The place of every tenant's tables.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    data: PathBuf,
    objects: Option<Objects>,
}

impl Root {
    /// Finds the place that the settings name. Must run on a runtime, which later calls block on.
    pub(crate) fn of(config: &StoreConfig) -> Result<Root, Error> {
        let objects = match config.root.as_str() {
            "" => None,
            root => Some(remote::connect(root, Handle::current())?),
        };
        Ok(Root { data: config.data.clone(), objects })
    }

    /// Refuses an object store that would lose commits.
    pub(crate) async fn check(&self, config: &StoreConfig) -> Result<(), Error> {
        match &self.objects {
            Some(objects) => remote::check_conditional_put(objects, &config.root).await,
            None => Ok(()),
        }
    }

    /// Tells whether other nodes may write to the tables, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.objects.is_some()
    }

    /// Returns the place of one table.
    pub(crate) fn place_of(&self, tenant: &Tenant, table: Table) -> Place {
        let dir = self.data.join(tenant.as_str()).join(table.name());
        Place::new(dir, self.objects.as_ref().map(|objects| objects.below(&[tenant.as_str(), table.name()])))
    }

    /// Lists the tenants that have a table.
    pub(crate) async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let names = match &self.objects {
            Some(objects) => objects.directories().await?,
            None => directory::names_in(&self.data)?,
        };
        let has_table =
            |tenant: &Tenant| self.objects.is_some() || Table::ALL.iter().any(|table| self.data.join(tenant.as_str()).join(table.name()).is_dir());
        Ok(names.iter().filter_map(|name| Tenant::new(name).ok()).filter(has_table).collect())
    }

    /// Returns the store that queries read from; a table is at `tenant/table` in it.
    pub(crate) fn reader(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        match &self.objects {
            Some(objects) => Ok(objects.as_store()),
            None => {
                let files = LocalFiles::new(&self.data).map_err(|error| Error::engine(error.into()))?;
                Ok(Arc::new(files))
            }
        }
    }
}

impl Objects {
    /// Returns a store with this prefix as its root.
    fn as_store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(self.store(), self.prefix().clone()))
    }
}
