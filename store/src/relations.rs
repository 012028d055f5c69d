//! What a statement reads from: every table exists, and naming a part twice does not make the plan explode.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Query, Statement as SqlStatement, TableFactor, Visit, Visitor};

use crate::catalog::{INFORMATION, SCHEMA};
use crate::error::Error;
use crate::mistake::{self, Place, did_you_mean};

/// Tables that a query may read, a part of a `with` clause counted as often as it is named: planning doubles with each level of
/// parts that name the one before twice.
const RELATIONS_MAX: usize = 100;
/// Columns under `cube` in the whole query: each doubles the number of groupings.
const CUBE_MAX: usize = 8;

/// Checks that every table of the statement is one of `names`, and that reading them can be planned.
pub(crate) fn check(statement: &Statement, sql: &str, names: &[&str]) -> Result<(), Error> {
    match statement {
        Statement::Explain(explain) => check(&explain.statement, sql, names),
        Statement::Statement(statement) => {
            let mut walk = Walk { sql, names, queries: Vec::new(), n_cubed: 0 };
            if let SqlStatement::ExplainTable { table_name, .. } = statement.as_ref() {
                walk.known(table_name)?;
            }
            match statement.visit(&mut walk) {
                ControlFlow::Break(error) => Err(error),
                ControlFlow::Continue(()) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// One query around the place where the walk is.
#[derive(Default)]
struct Scope {
    /// Parts of its `with` clause, by name, with the number of tables behind each that was walked.
    parts: Vec<Part>,
    /// Tables that it reads so far.
    n_relations: usize,
}

struct Part {
    name: String,
    query: *const Query,
    n_relations: usize,
}

struct Walk<'a> {
    sql: &'a str,
    /// The tables that there are.
    names: &'a [&'a str],
    queries: Vec<Scope>,
    n_cubed: usize,
}

impl Walk<'_> {
    /// Returns how many tables stand behind a name; a name that is no table is an error.
    fn known(&self, name: &ObjectName) -> Result<usize, Error> {
        let parts = name.0.iter().filter_map(|part| part.as_ident()).map(normalized).collect::<Vec<_>>();
        let parts = parts.iter().map(String::as_str).collect::<Vec<_>>();
        match parts.as_slice() {
            [name] if self.part(name).is_some() => Ok(self.part(name).unwrap_or(1)),
            [name] | [SCHEMA, name] | [_, SCHEMA, name] if self.names.contains(name) => Ok(1),
            [INFORMATION, "tables" | "columns"] => Ok(1),
            _ => {
                let last = name.0.last().and_then(|part| part.as_ident());
                let text = parts.join(".");
                let known = self.queries.iter().flat_map(|scope| &scope.parts).map(|part| part.name.as_str());
                let known = known.chain(self.names.iter().copied()).collect::<Vec<_>>();
                let hint = did_you_mean(parts.last().unwrap_or(&""), known);
                let hint = match self.names {
                    _ if !hint.is_empty() => hint,
                    [only] => format!("; there is \"{only}\" alone"),
                    _ => "; `show tables` lists them all".to_owned(),
                };
                let place = last.map(|ident| Place::new(ident.span.start, ident.value.chars().count(), self.sql));
                Err(mistake::at(self.sql, place, &format!("there is no table \"{text}\"{hint}")))
            }
        }
    }

    fn part(&self, name: &str) -> Option<usize> {
        let parts = self.queries.iter().rev().flat_map(|scope| scope.parts.iter().rev());
        parts.into_iter().find(|part| part.name == name).map(|part| part.n_relations.max(1))
    }
}

impl Visitor for Walk<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(mistake::at(self.sql, None, "karat's SQL only reads, so there is nothing to lock"));
        }
        let parts = query.with.iter().flat_map(|with| &with.cte_tables);
        let parts = parts.map(|part| Part { name: normalized(&part.alias.name), query: &raw const *part.query, n_relations: 0 });
        self.queries.push(Scope { parts: parts.collect(), n_relations: 0 });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let n_relations = self.queries.pop().map_or(0, |scope| scope.n_relations);
        let Some(outer) = self.queries.last_mut() else { return ControlFlow::Continue(()) };
        match outer.parts.iter_mut().find(|part| std::ptr::eq(part.query, query)) {
            Some(part) => part.n_relations = n_relations,
            None => outer.n_relations = outer.n_relations.saturating_add(n_relations),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, args: None, sample, version, .. } = factor else { return ControlFlow::Continue(()) };
        if sample.is_some() || version.is_some() {
            let message = "a table is read as it is now and in whole; write a condition on its rows instead";
            return ControlFlow::Break(mistake::at(self.sql, mistake::find_word(self.sql, &name.to_string()), message));
        }
        let n_relations = match self.known(name) {
            Ok(n_relations) => n_relations,
            Err(error) => return ControlFlow::Break(error),
        };
        if let Some(scope) = self.queries.last_mut() {
            scope.n_relations = scope.n_relations.saturating_add(n_relations);
            if scope.n_relations > RELATIONS_MAX {
                let message =
                    format!("the query reads more than {RELATIONS_MAX} tables, its parts counted as often as they are named; ask for less at once");
                return ControlFlow::Break(mistake::at(self.sql, None, &message));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        if let Expr::Cube(columns) = expr {
            self.n_cubed += columns.len();
        }
        match self.n_cubed > CUBE_MAX {
            true => ControlFlow::Break(mistake::at(self.sql, None, &format!("a cube of more than {CUBE_MAX} columns has too many groups"))),
            false => ControlFlow::Continue(()),
        }
    }
}

fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::names;
    use crate::statement::parse;

    #[track_caller]
    fn error(sql: &str) -> Option<String> {
        check(&parse(sql, &[], 1_000_000).unwrap(), sql, &names().collect::<Vec<_>>()).err().map(|error| error.to_string())
    }

    #[test]
    fn tables_views_and_parts_are_known() {
        for sql in [
            "select 1",
            "select * from spans s join public.llm_calls c on s.span_id = c.span_id",
            "with calls as (select * from LLM_CALLS), more as (select * from calls) select * from more, calls",
            "with recursive n as (select 1 as x union all select x + 1 from n where x < 5) select * from n",
            "select * from information_schema.columns",
            "select * from generate_series(1, 5)",
            "select (select max(time) from scores where exists (select 1 from labels))",
            "describe spans",
        ] {
            assert_eq!(error(sql), None, "{sql}");
        }
    }

    #[test]
    fn an_unknown_table_is_shown_with_the_nearest_name() {
        let shown = error("select *\nfrom llm_call").unwrap();
        assert_eq!(shown, "there is no table \"llm_call\"; did you mean \"llm_calls\"?, at line 2, column 6\n  from llm_call\n       ^^^^^^^^");
        assert!(error("with c as (select 1) select * from d").unwrap().contains("no table \"d\""));
        assert!(error("select * from \"/etc/passwd\"").unwrap().contains("show tables"));
        assert!(error("select * from other.public.spans.x").is_some());
        assert!(error("describe span").unwrap().contains("\"spans\""));
        // The engine would read the whole table, and say nothing.
        assert!(error("select * from spans tablesample (10)").unwrap().contains("in whole"));
    }

    /// Thirty levels of parts that each name the one before twice are a plan of a billion nodes.
    #[test]
    fn doubling_parts_are_refused() {
        let mut parts = vec!["p0 as (select 1 as x from spans)".to_owned()];
        parts.extend((1..30).map(|n| format!("p{n} as (select a.x from p{} a, p{} b)", n - 1, n - 1)));
        let sql = format!("with {} select * from p29", parts.join(", "));
        assert!(error(&sql).unwrap().contains("more than 100 tables"));
        assert!(error("select count(*) from spans group by cube (name, kind, status, date, dialect, provider, user_id, session_id, tags)").is_some());
    }
}
