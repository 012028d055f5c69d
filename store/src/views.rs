//! The views: SQL over the tables, with a doc for each and for its columns.
//!
//! What keeps a view fast: it reads `latest_spans` (each span once, as it was sent last), not `spans`; it never sorts or windows
//! whole rows; and what only some queries ask for hangs on a left join whose right side has one row a key (a `group by` of the
//! joined columns, or `latest_spans` by trace and span id), which is left out where nobody asks (see `joins`). A query's range of
//! `start_time` and its trace id reach every scan of spans, logs and prices by themselves (see `expand`).

use schema::Table;

/// A view, as its file tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// The name in SQL.
    pub name: &'static str,
    /// Its file: a comment with its doc and the docs of columns that no table has, then one `select`.
    pub sql: &'static str,
}

macro_rules! views {
    ($($name:literal),+ $(,)?) => {
        /// Every view, in the order in which `karat schema` prints them.
        pub(crate) const ALL: &[View] = &[$(View { name: $name, sql: include_str!(concat!("views/", $name, ".sql")) }),+];
    };
}

views!("llm_calls", "traces", "sessions", "tool_calls", "retrievals", "costs");

impl View {
    /// Finds a view by its name.
    pub(crate) fn from_name(name: &str) -> Option<View> {
        ALL.iter().copied().find(|view| view.name == name)
    }

    /// Returns what the view holds: the first paragraph of its file's comment.
    pub(crate) fn doc(self) -> String {
        self.comment().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Returns what a column means: from a line `-- name: doc` of the file, or from the column of that name in `spans`.
    pub(crate) fn column_doc(self, column: &str) -> Option<&'static str> {
        let own = self.comment().find_map(|line| line.strip_prefix(column)?.strip_prefix(": "));
        own.or_else(|| Table::Spans.columns().iter().find(|of_span| of_span.name == column).map(|of_span| of_span.doc.trim()))
    }

    /// Tells whether the spans behind one row lie close together in time, so that a bound on the row's start bounds them too.
    ///
    /// A session may go on for weeks after it began.
    pub(crate) fn rows_end(self) -> bool {
        self.name != "sessions"
    }

    /// Lists the lines of the comment that opens the file.
    fn comment(self) -> impl Iterator<Item = &'static str> {
        self.sql.lines().map_while(|line| line.strip_prefix("--")).map(str::trim)
    }
}
