//! The names that a query can see: one tenant's tables, the views over them, and a description of both.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProviderList, SchemaProvider, Session};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::{MemTable, TableProvider, TableType};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;
use parking_lot::Mutex;
use schema::{Micros, Table};

use crate::describe::{columns_table, tables_table};
use crate::latest::LatestSpans;
use crate::provider::StoreTable;
use crate::snapshot::TableSnapshot;
use crate::views;

/// The catalog's name.
pub(crate) const CATALOG: &str = "karat";
/// The schema that tables and views are in, when a query names none.
pub(crate) const SCHEMA: &str = "public";
/// The schema that describes the other one.
pub(crate) const INFORMATION: &str = "information_schema";

/// The spans that the views are made of.
const LATEST_SPANS: &str = "latest_spans";

/// Where the tables' rows come from; the same for every table of one tenant.
pub(crate) type Source = Arc<dyn Fn(Table) -> TableSnapshot + Send + Sync>;

/// One tenant's tables during one query; each is looked at once, so that every mention of it reads the same rows.
pub(crate) struct QueryTables {
    source: Source,
    store: ObjectStoreUrl,
    data: PathBuf,
    /// How far apart in time two rows of one span may lie.
    reach: Micros,
    seen: Mutex<HashMap<Table, Arc<StoreTable>>>,
    latest: OnceLock<Arc<LatestSpans>>,
}

impl QueryTables {
    /// Makes the tables of `source`, whose files stand under `data`, which the query's runtime knows as `store`.
    pub(crate) fn new(source: Source, store: ObjectStoreUrl, data: PathBuf, reach: Micros) -> Arc<Self> {
        Arc::new(Self { source, store, data, reach, seen: Mutex::default(), latest: OnceLock::new() })
    }

    /// Returns the table as this query sees it.
    pub(crate) fn get(&self, table: Table) -> Arc<StoreTable> {
        let make = || {
            let snapshot = (self.source)(table);
            let directory = snapshot.root.strip_prefix(&self.data).unwrap_or(&snapshot.root);
            let directory = Path::from_iter(directory.iter().map(|part| part.to_string_lossy().into_owned()));
            Arc::new(StoreTable::new(snapshot, self.store.clone(), directory))
        };
        Arc::clone(self.seen.lock().entry(table).or_insert_with(make))
    }

    /// Returns the spans, each as it was sent last.
    pub(crate) fn latest_spans(&self) -> Arc<LatestSpans> {
        Arc::clone(self.latest.get_or_init(|| Arc::new(LatestSpans::new(self.get(Table::Spans), self.reach))))
    }
}

impl fmt::Debug for QueryTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryTables").field("data", &self.data).finish_non_exhaustive()
    }
}

/// A view's name and columns; its plan takes its place before the query runs (see `expand`).
#[derive(Debug)]
pub(crate) struct ViewName {
    pub(crate) name: &'static str,
    pub(crate) schema: SchemaRef,
}

#[async_trait]
impl TableProvider for ViewName {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// Takes every filter, so that all of them reach the view's plan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }

    async fn scan(&self, _: &dyn Session, _: Option<&Vec<usize>>, _: &[Expr], _: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("view {} was not expanded", self.name)
    }
}

/// The views that were planned so far, by name.
pub(crate) type ViewNames = HashMap<&'static str, Arc<ViewName>>;

/// Makes the catalog that one query sees: nothing but `tables`, `views` and their description.
pub(crate) fn catalog_of(tables: Arc<QueryTables>, views: Arc<ViewNames>) -> Arc<dyn CatalogProviderList> {
    list_of(Public { tables, views, is_for_views: false })
}

/// Makes the catalog that the views are planned with: they can also name `latest_spans`.
pub(crate) fn catalog_for_views(tables: Arc<QueryTables>, views: Arc<ViewNames>) -> Arc<dyn CatalogProviderList> {
    list_of(Public { tables, views, is_for_views: true })
}

fn list_of(public: Public) -> Arc<dyn CatalogProviderList> {
    let information = Arc::new(Information { views: Arc::clone(&public.views) });
    let catalog = Arc::new(Catalog { public: Arc::new(public), information });
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), catalog);
    Arc::new(list)
}

#[derive(Debug)]
struct Catalog {
    public: Arc<Public>,
    information: Arc<Information>,
}

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.to_owned(), INFORMATION.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            SCHEMA => Some(Arc::clone(&self.public) as Arc<dyn SchemaProvider>),
            INFORMATION => Some(Arc::clone(&self.information) as Arc<dyn SchemaProvider>),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Public {
    tables: Arc<QueryTables>,
    views: Arc<ViewNames>,
    is_for_views: bool,
}

#[async_trait]
impl SchemaProvider for Public {
    fn table_names(&self) -> Vec<String> {
        names().map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if name == LATEST_SPANS && self.is_for_views {
            return Ok(Some(self.tables.latest_spans()));
        }
        let table = Table::from_name(name).map(|table| self.tables.get(table) as Arc<dyn TableProvider>);
        Ok(table.or_else(|| self.views.get(name).map(|view| Arc::clone(view) as Arc<dyn TableProvider>)))
    }

    fn table_exist(&self, name: &str) -> bool {
        names().any(|known| known == name)
    }
}

/// Lists the tables and views that a query can name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    Table::ALL.iter().map(|table| table.name()).chain(views::ALL.iter().map(|view| view.name))
}

/// `information_schema.tables` and `.columns`, which `show tables` and `describe` read.
#[derive(Debug)]
struct Information {
    views: Arc<ViewNames>,
}

#[async_trait]
impl SchemaProvider for Information {
    fn table_names(&self) -> Vec<String> {
        vec!["tables".to_owned(), "columns".to_owned()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let batch = match name {
            "tables" => tables_table()?,
            "columns" => columns_table(&self.views)?,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        matches!(name, "tables" | "columns")
    }
}
