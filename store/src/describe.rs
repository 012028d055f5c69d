//! What there is to query: tables, views and functions, with what each column means.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use schema::Table;
use serde::Serialize;

use crate::catalog::{CATALOG, SCHEMA, ViewNames};
use crate::expand::Views;
use crate::functions::functions;
use crate::views;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DescribedKind {
    /// Rows that are stored.
    Table,
    /// Rows that are made of tables when they are asked for.
    View,
    /// A SQL function of karat's own.
    Function,
}

/// A table, a view or a function.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// What it is.
    pub kind: DescribedKind,
    /// Its name in SQL.
    pub name: String,
    /// How it is called and what it returns; of functions only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syntax: Option<String>,
    /// What it holds or computes.
    pub doc: String,
    /// Its columns, in order; a function has none.
    pub columns: Vec<DescribedColumn>,
}

/// A column of a table or of a view.
#[derive(Debug, Clone, Serialize)]
pub struct DescribedColumn {
    /// Its name.
    pub name: String,
    /// Its type in SQL: `text`, `bigint`, `double`, `boolean`, `timestamp` or `date`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it means.
    pub doc: String,
}

/// Writes the item as `karat schema` prints it: the name, what it is, and its columns with their types and meanings.
impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DescribedKind::Table => "table",
            DescribedKind::View => "view",
            DescribedKind::Function => "function",
        };
        writeln!(f, "{kind} {}", self.syntax.as_deref().unwrap_or(&self.name))?;
        writeln!(f, "  {}", self.doc)?;
        let name_width = self.columns.iter().map(|column| column.name.len()).max().unwrap_or(0);
        let kind_width = self.columns.iter().map(|column| column.kind.len()).max().unwrap_or(0);
        for DescribedColumn { name, kind, doc, .. } in &self.columns {
            writeln!(f, "    {name:name_width$}  {kind:kind_width$}  {doc}")?;
        }
        writeln!(f)
    }
}

/// Lists every table, view and function that a query can name.
pub fn describe() -> Vec<Described> {
    let mut described = Table::ALL.iter().map(|table| of_table(*table)).collect::<Vec<_>>();
    match Views::planned() {
        Ok(planned) => described.extend(of_views(&planned.names)),
        Err(error) => tracing::error!(%error, "cannot describe the views"),
    }
    described.extend(functions().iter().map(|function| Described {
        kind: DescribedKind::Function,
        name: function.name.to_owned(),
        syntax: Some(function.syntax.to_owned()),
        doc: function.text(),
        columns: Vec::new(),
    }));
    described
}

fn of_table(table: Table) -> Described {
    let columns = table.columns().iter().map(|column| DescribedColumn {
        name: column.name.to_owned(),
        kind: column.kind.sql().to_owned(),
        nullable: column.nullable,
        doc: column.doc.trim().to_owned(),
    });
    let doc = table.doc().trim().to_owned();
    Described { kind: DescribedKind::Table, name: table.name().to_owned(), syntax: None, doc, columns: columns.collect() }
}

fn of_views(planned: &ViewNames) -> Vec<Described> {
    let known = views::ALL.iter().filter_map(|view| Some((*view, planned.get(view.name)?)));
    known
        .map(|(view, planned)| {
            let columns = planned.schema.fields().iter().map(|field| DescribedColumn {
                name: field.name().clone(),
                kind: sql_type(field.data_type()),
                nullable: field.is_nullable(),
                doc: view.column_doc(field.name()).unwrap_or_default().to_owned(),
            });
            Described { kind: DescribedKind::View, name: view.name.to_owned(), syntax: None, doc: view.doc(), columns: columns.collect() }
        })
        .collect()
}

fn sql_type(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Date32 => "date".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// Makes the rows of `information_schema.tables`.
pub(crate) fn tables_table() -> Result<RecordBatch> {
    let tables = Table::ALL.iter().map(|table| (table.name(), "BASE TABLE", table.doc().trim().to_owned()));
    let rows = tables.chain(views::ALL.iter().map(|view| (view.name, "VIEW", view.doc()))).collect::<Vec<_>>();
    let text =
        |of: for<'a> fn(&'a (&'static str, &'static str, String)) -> &'a str| Arc::new(StringViewArray::from_iter_values(rows.iter().map(of))) as _;
    let batch = RecordBatch::try_from_iter([
        ("table_catalog", text(|_| CATALOG)),
        ("table_schema", text(|_| SCHEMA)),
        ("table_name", text(|row| row.0)),
        ("table_type", text(|row| row.1)),
        ("description", text(|row| &row.2)),
    ])?;
    Ok(batch)
}

/// Makes the rows of `information_schema.columns`.
pub(crate) fn columns_table(planned: &ViewNames) -> Result<RecordBatch> {
    let described = Table::ALL.iter().map(|table| of_table(*table)).chain(of_views(planned)).collect::<Vec<_>>();
    let rows = described.iter().flat_map(|table| table.columns.iter().enumerate().map(|(index, column)| (table.name.as_str(), index, column)));
    let rows = rows.collect::<Vec<_>>();
    let text =
        |of: for<'a> fn(&(&'a str, usize, &'a DescribedColumn)) -> &'a str| Arc::new(StringViewArray::from_iter_values(rows.iter().map(of))) as _;
    let position = rows.iter().map(|row| i64::try_from(row.1 + 1).unwrap_or(i64::MAX));
    let batch = RecordBatch::try_from_iter([
        ("table_catalog", text(|_| CATALOG)),
        ("table_schema", text(|_| SCHEMA)),
        ("table_name", text(|row| row.0)),
        ("column_name", text(|row| &row.2.name)),
        ("ordinal_position", Arc::new(Int64Array::from_iter_values(position)) as _),
        ("data_type", text(|row| &row.2.kind)),
        ("is_nullable", text(|row| if row.2.nullable { "YES" } else { "NO" })),
        ("description", text(|row| &row.2.doc)),
    ])?;
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column without a doc is a column that nobody can use.
    #[test]
    fn everything_is_described() {
        let described = describe();
        assert_eq!(described.len(), Table::ALL.len() + views::ALL.len() + functions().len());
        for one in &described {
            assert!(one.doc.len() > 20, "{} has no doc", one.name);
            for column in &one.columns {
                assert!(column.doc.len() > 5, "{}.{} has no doc", one.name, column.name);
                assert!(["text", "bigint", "double", "boolean", "timestamp", "date"].contains(&column.kind.as_str()), "{}.{}", one.name, column.kind);
            }
        }
    }
}
