//! The tables of every tenant.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use schema::{Table, Tenant};

use crate::budget::Budget;
use crate::delta::DeltaLog;
use crate::fail::Fail;
use crate::place::Root;
use crate::repeats::Repeats;
use crate::table_state::TableState;

/// Every tenant's tables; a tenant has all of them from its first record on.
pub(crate) struct Tables {
    root: Root,
    app_id: String,
    file_prefix: String,
    fail: Fail,
    tenants: RwLock<BTreeMap<Tenant, Arc<[Arc<TableState>]>>>,
    held: Arc<HeldBytes>,
    /// Memory for what is known of rows that were sent again.
    repeats: Arc<Budget>,
}

/// Bytes of held rows over all tables; they count as memory of ingest.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    bytes: AtomicUsize,
    memory: Arc<Budget>,
}

impl HeldBytes {
    /// Counts what a table holds more or less than before.
    pub(crate) fn change(&self, before: usize, after: usize) {
        self.bytes.fetch_add(after, Ordering::AcqRel);
        self.bytes.fetch_sub(before, Ordering::AcqRel);
        self.memory.owe(after);
        self.memory.settle(before);
    }
}

impl Tables {
    /// Makes an empty list; commits bear `app_id`, and file names `file_prefix`.
    pub(crate) fn new(root: Root, app_id: String, file_prefix: String, fail: Fail, memory: Arc<Budget>, repeats: Arc<Budget>) -> Tables {
        let held = Arc::new(HeldBytes { bytes: AtomicUsize::new(0), memory });
        Tables { root, app_id, file_prefix, fail, tenants: RwLock::default(), held, repeats }
    }

    /// Returns where the tables are.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Returns the tables of a tenant, in the order of [`Table::ALL`]; makes them at its first record.
    pub(crate) fn of(&self, tenant: &Tenant) -> Arc<[Arc<TableState>]> {
        if let Some(tables) = self.tenants.read().get(tenant) {
            return Arc::clone(tables);
        }
        let make = |table: &Table| {
            let log = DeltaLog::new(self.root.place_of(tenant, *table), *table, self.app_id.clone(), self.file_prefix.clone(), self.fail.clone());
            Arc::new(TableState::new(tenant, *table, log, Arc::clone(&self.held), Arc::new(Repeats::new(&self.repeats))))
        };
        Arc::clone(self.tenants.write().entry(tenant.clone()).or_insert_with(|| Table::ALL.iter().map(make).collect()))
    }

    /// Returns the directory of a table.
    pub(crate) fn root_of(&self, tenant: &Tenant, table: Table) -> PathBuf {
        self.root.place_of(tenant, table).dir().to_owned()
    }

    /// Returns one table of a tenant, if the tenant is known.
    pub(crate) fn find(&self, tenant: &Tenant, table: Table) -> Option<Arc<TableState>> {
        self.tenants.read().get(tenant)?.iter().find(|state| state.table == table).cloned()
    }

    /// Returns every table of every tenant.
    pub(crate) fn all(&self) -> Vec<Arc<TableState>> {
        self.tenants.read().values().flat_map(|tables| tables.iter().cloned()).collect()
    }

    /// Lists the tenants.
    pub(crate) fn tenants(&self) -> Vec<Tenant> {
        self.tenants.read().keys().cloned().collect()
    }

    /// Returns the last record up to which every row is in a file, given that all up to `watermark` are held or there.
    pub(crate) fn applied(&self, watermark: u64) -> u64 {
        self.all().iter().filter_map(|state| state.first_held()).map(|first| first - 1).fold(watermark, u64::min)
    }

    /// Returns how many bytes are held over all tables.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.bytes.load(Ordering::Acquire)
    }
}
