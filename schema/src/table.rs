//! The one list of tables, and what is in each.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::rows::Row;

/// What a column holds, in the few types that every reader of Delta tables knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Signed 64-bit integer.
    Int,
    /// 64-bit floating point number.
    Float,
    /// True or false.
    Bool,
    /// Microseconds since 1970 in UTC.
    Timestamp,
    /// A UTC day.
    Date,
}

impl Kind {
    /// Returns the Arrow type. Text is a view, so that a batch of large prompts cannot overflow its offsets.
    pub fn arrow(self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8View,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Date => DataType::Date32,
        }
    }

    /// Returns the name of the type in SQL, which `karat schema` prints.
    pub fn sql(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Int => "bigint",
            Kind::Float => "double",
            Kind::Bool => "boolean",
            Kind::Timestamp => "timestamp",
            Kind::Date => "date",
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nulls.
    pub nullable: bool,
    /// What it means, in one sentence or two.
    pub doc: &'static str,
}

macro_rules! tables {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, $row:ty; )+) => {
        /// A table of a tenant; every tenant has one of each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Table {
            /// Every table, in the order in which `karat schema` prints them.
            pub const ALL: &'static [Table] = &[ $( Table::$variant, )+ ];

            /// Returns the name that SQL and the directory use.
            pub const fn name(self) -> &'static str {
                match self { $( Table::$variant => $name, )+ }
            }

            /// Returns what the table holds.
            pub const fn doc(self) -> &'static str {
                match self { $( Table::$variant => concat!($($doc),+), )+ }
            }

            /// Lists the table's columns in order.
            pub fn columns(self) -> &'static [Column] {
                match self { $( Table::$variant => <$row as Row>::columns(), )+ }
            }
        }
    };
}

tables! {
    /// One row a span, as it arrived, in one schema whatever dialect it came in.
    Spans = "spans", crate::span::Span;
    /// One row a log record, with the content of GenAI events in columns of their own.
    Logs = "logs", crate::log::LogRecord;
    /// One row a metric data point.
    Metrics = "metrics", crate::metric::MetricPoint;
    /// One row a verdict of an evaluator on a span, a trace or a case.
    Scores = "scores", crate::score::Score;
    /// One row an evaluation of a monitor.
    MonitorStates = "monitor_states", crate::alert::MonitorState;
    /// One row a transition of an alert; the state of an alert is its latest row.
    Alerts = "alerts", crate::alert::AlertTransition;
    /// One row an attempt to tell people of an alert; the rows with outcome `dead` are what nobody got.
    Notifications = "notifications", crate::alert::Notification;
    /// One row a run of a suite.
    Runs = "runs", crate::run::Run;
    /// One row a case of a run.
    Results = "results", crate::run::CaseResult;
    /// One row a verdict of a person.
    Labels = "labels", crate::run::Label;
    /// One row a call of a judge, with what it cost.
    Spend = "spend", crate::run::Spend;
    /// One row a span that was priced again later; the view `costs` prefers it.
    Repricings = "repricings", crate::run::Repricing;
}

impl Table {
    /// Returns the table's Arrow schema; built once a process.
    pub fn arrow_schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<SchemaRef>> = LazyLock::new(|| Table::ALL.iter().map(|table| schema_of(*table)).collect());
        let index = Table::ALL.iter().position(|table| *table == self).unwrap_or_default();
        Arc::clone(&SCHEMAS[index])
    }

    /// Finds a table by its name.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Returns the column that rows are sorted by inside a file and pruned by.
    pub const fn time_column(self) -> &'static str {
        match self {
            Table::Spans => "start_time",
            _ => "time",
        }
    }
}

fn schema_of(table: Table) -> SchemaRef {
    let fields = table.columns().iter().map(|column| Field::new(column.name, column.kind.arrow(), column.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readers prune by these two, and the partition is one of them.
    #[test]
    fn every_table_has_a_time_and_a_date() {
        for table in Table::ALL {
            let kind_of = |name| table.columns().iter().find(|column| column.name == name).map(|column| column.kind);
            assert_eq!(kind_of(table.time_column()), Some(Kind::Timestamp), "{}", table.name());
            assert_eq!(kind_of("date"), Some(Kind::Date), "{}", table.name());
        }
    }

    #[test]
    fn every_column_is_described() {
        for table in Table::ALL {
            for column in table.columns() {
                assert!(column.doc.trim().len() > 5, "{}.{}", table.name(), column.name);
            }
        }
    }
}
