//! How long rows are kept: by table, by tenant, by age.

use std::sync::Arc;

use schema::{Table, Tenant};
use serde::{Deserialize, Serialize};

use crate::delta::{Operation, Rows};
use crate::error::Error;
use crate::maintain::replace::{Replacement, replace};
use crate::snapshot::DataFile;
use crate::store::Inner;
use crate::table_state::TableState;

/// A rule by which rows go; the first rule that fits a table counts, and rows without a rule stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// The table that it is about; every table where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The tenant that it is about; every tenant where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Days that rows are kept, counted from the day of their time; whole days go at once.
    pub days: u32,
}

impl RetentionRule {
    /// Refuses a rule that could never fit.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let reason = match &self.table {
            Some(table) if Table::from_name(table).is_none() => "a rule of it names a table that there is not; `karat schema` lists them",
            _ if self.days == 0 => "a rule of it keeps rows for no day at all; take at least 1",
            _ => return Ok(()),
        };
        Err(Error::Setting { setting: "retention", value: self.days.into(), reason })
    }

    fn fits(&self, tenant: &Tenant, table: Table) -> bool {
        self.table.as_ref().is_none_or(|name| name == table.name()) && self.tenant.as_ref().is_none_or(|name| name == tenant.as_str())
    }
}

/// Takes out the days of a table that are too old; the files go when no reader needs them any more. Blocks.
pub(super) fn expire(inner: &Inner, state: &TableState) -> Result<(), Error> {
    let Some(rule) = inner.config.retention.iter().find(|rule| rule.fits(&state.tenant, state.table)) else { return Ok(()) };
    let kept_from = (inner.clock)().day().0.saturating_sub_unsigned(rule.days);
    let old: Vec<Arc<DataFile>> = state.files().iter().filter(|file| file.date.0 < kept_from).cloned().collect();
    if old.is_empty() {
        return Ok(());
    }
    let rows = old.iter().map(|file| file.rows).sum();
    if replace(inner, state, Replacement { operation: Operation::Delete, rows: Rows::Change, removed: &old, added: Vec::new() })? {
        inner.work.expired(rows);
        let (tenant, table, n_days) = (state.tenant.as_str(), state.table.name(), rule.days);
        tracing::info!(tenant, table, n_rows = rows, n_days, "took out rows that are older than the retention");
    }
    Ok(())
}
