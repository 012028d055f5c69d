//! A table as one query sees it: committed files and the rows that are not yet in them.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use object_store::path::Path;
use schema::Table;

use crate::prune::files_to_read;
use crate::snapshot::{DataFile, TableSnapshot};

/// Files of one scan up to which each comes with its own statistics, of some 20 KB: they spare the opening of files behind a `limit`,
/// and would take longer than the reading where there are thousands.
const TOLD_FILES_MAX: usize = 1_000;
/// The column that is a directory's name, and in no file.
const PARTITION: &str = "date";

/// One table of one tenant at one moment; every scan of a query reads the same rows.
#[derive(Debug)]
pub(crate) struct StoreTable {
    snapshot: TableSnapshot,
    /// Where the query's runtime finds the files.
    store: ObjectStoreUrl,
    /// The table's directory inside that store.
    directory: Path,
}

impl StoreTable {
    /// Makes the table of a snapshot whose files stand under `directory` of `store`.
    pub(crate) fn new(snapshot: TableSnapshot, store: ObjectStoreUrl, directory: Path) -> Self {
        Self { snapshot, store, directory }
    }

    /// Returns which table this is.
    pub(crate) fn table(&self) -> Table {
        self.snapshot.table
    }

    /// Returns what the table holds.
    pub(crate) fn snapshot(&self) -> &TableSnapshot {
        &self.snapshot
    }

    /// Returns the table as it would be with these files and no other rows; they stand where its own files stand.
    pub(crate) fn of_files(&self, files: &[Arc<DataFile>]) -> Arc<StoreTable> {
        let snapshot = TableSnapshot { files: files.into(), held: Arc::from([]), ..self.snapshot.clone() };
        Arc::new(StoreTable::new(snapshot, self.store.clone(), self.directory.clone()))
    }

    /// Divides the table into files that hold no row of these traces, for sure, and everything else.
    pub(crate) fn apart_by_traces(&self, traces: &[&str]) -> (Arc<StoreTable>, Arc<StoreTable>) {
        let may_hold = |file: &Arc<DataFile>| file.ids.as_ref().is_none_or(|ids| traces.iter().any(|trace_id| ids.may_contain(trace_id)));
        let (touched, untouched): (Vec<_>, Vec<_>) = self.snapshot.files.iter().cloned().partition(may_hold);
        let rest = TableSnapshot { files: touched.into(), ..self.snapshot.clone() };
        (self.of_files(&untouched), Arc::new(StoreTable::new(rest, self.store.clone(), self.directory.clone())))
    }

    /// Lists the files that a scan with this filter would read.
    pub(crate) fn files_to_read(&self, filter: Option<&Expr>, state: &dyn Session) -> Result<Vec<Arc<DataFile>>> {
        files_to_read(&self.snapshot, filter.cloned().map(unnormalize_col).as_slice(), state)
    }

    /// Plans the reading of files: a plain Parquet scan, with all that is known of each file attached.
    async fn scan_files(
        &self,
        state: &dyn Session,
        files: &[Arc<DataFile>],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = Layout::of(&self.schema())?;
        let statistics = sum_statistics(files, layout.schema.table_schema());
        let told = files.len() <= TOLD_FILES_MAX;
        let files = files.iter().map(|file| {
            let partitioned = self.partitioned_file(file)?;
            Ok(if told { partitioned.with_statistics(Arc::new(self.statistics_of(file, &layout))) } else { partitioned })
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        let all = || (0..layout.position.len()).collect();
        let projection = projection.cloned().unwrap_or_else(all).into_iter().map(|column| layout.position[column]).collect();
        let source = Arc::new(ParquetSource::new(layout.schema.clone()));
        let scan = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(FileGroup::new(files).split_files(state.config().target_partitions()))
            .with_statistics(statistics)
            .with_projection_indices(Some(projection))?
            .with_limit(limit)
            .build();
        let options = state.table_options().parquet.clone();
        ParquetFormat::default().with_options(options).create_physical_plan(state, scan).await
    }

    fn partitioned_file(&self, file: &DataFile) -> Result<PartitionedFile> {
        let path = Path::parse(format!("{}/{}", self.directory, file.path)).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut partitioned = PartitionedFile::new(String::new(), file.bytes);
        partitioned.object_meta.location = path;
        Ok(partitioned.with_partition_values(vec![ScalarValue::Date32(Some(file.date.0))]))
    }

    /// Tells what is known of a file's columns, which is when its rows were.
    fn statistics_of(&self, file: &DataFile, layout: &Layout) -> Statistics {
        let micros = |time: Option<i64>| match time {
            Some(time) => Precision::Inexact(ScalarValue::TimestampMicrosecond(Some(time), Some("UTC".into()))),
            None => Precision::Absent,
        };
        let mut columns = vec![ColumnStatistics::new_unknown(); layout.schema.file_schema().fields().len()];
        if let Ok(time) = layout.schema.file_schema().index_of(self.snapshot.table.time_column()) {
            columns[time].min_value = micros(file.time.min);
            columns[time].max_value = micros(file.time.max);
            columns[time].null_count = Precision::Exact(0);
        }
        Statistics {
            num_rows: Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX)),
            total_byte_size: Precision::Inexact(usize::try_from(file.bytes).unwrap_or(usize::MAX)),
            column_statistics: columns,
        }
    }

    /// Plans the reading of rows that no file holds yet.
    fn scan_held(&self, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = MemorySourceConfig::try_new_exec(&[self.snapshot.held.to_vec()], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        self.snapshot.table.arrow_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Files are pruned by every filter, rows are filtered by the plan above.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = files_to_read(&self.snapshot, filters, state)?;
        let mut parts = Vec::new();
        if !files.is_empty() {
            parts.push(self.scan_files(state, &files, projection, limit).await?);
        }
        if !self.snapshot.held.is_empty() {
            parts.push(self.scan_held(projection)?);
        }
        match parts.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?))),
            1 => Ok(parts.remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }
}

/// How a table's columns lie in a scan of files: the file's columns first, the partition last.
struct Layout {
    schema: TableSchema,
    /// Where the table's n-th column lies in the scan.
    position: Vec<usize>,
}

impl Layout {
    fn of(table: &Schema) -> Result<Layout> {
        let (partition, columns): (Vec<_>, Vec<_>) = table.fields().iter().cloned().partition(|field| field.name() == PARTITION);
        let schema = TableSchema::builder(Arc::new(Schema::new(columns))).with_table_partition_cols(partition).build();
        let position = table.fields().iter().map(|field| schema.table_schema().index_of(field.name())).collect::<Result<_, _>>()?;
        Ok(Layout { schema, position })
    }
}

/// Adds up the files' rows and bytes, which is what the planner chooses join sides by.
fn sum_statistics(files: &[Arc<DataFile>], schema: &Schema) -> Statistics {
    let sum = |of: fn(&DataFile) -> u64| usize::try_from(files.iter().map(|file| of(file)).sum::<u64>()).unwrap_or(usize::MAX);
    Statistics {
        num_rows: Precision::Exact(sum(|file| file.rows)),
        total_byte_size: Precision::Inexact(sum(|file| file.bytes)),
        column_statistics: Statistics::unknown_column(schema),
    }
}
