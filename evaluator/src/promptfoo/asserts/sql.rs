//! `is-sql` and `contains-sql`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde_json::Value;
use sqlparser::ast::{Expr, ObjectName, Statement, Visit, Visitor};
use sqlparser::dialect::{
    BigQueryDialect, Dialect, HiveDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::Parser;

use crate::js;
use crate::promptfoo::asserts::{Grade, Question};

/// `is-sql`: the answer parses in the database's dialect, and uses no table and no column that is not allowed.
pub(super) fn is_sql(question: &Question<'_>) -> Result<Grade, String> {
    let rules = Rules::of(question.value)?;
    let fault = rules.fault(question.output());
    Ok(Grade::pass(fault.is_none() != question.inverse, || fault.unwrap_or_else(|| "the SQL is valid".to_owned())))
}

/// `contains-sql`: a block of code, or the answer itself, is SQL.
pub(super) fn contains_sql(question: &Question<'_>) -> Result<Grade, String> {
    let rules = Rules::of(question.value)?;
    let blocks = code_blocks(question.output());
    let candidates = if blocks.is_empty() { vec![question.output().to_owned()] } else { blocks };
    let holds = candidates.iter().any(|candidate| !candidate.trim().is_empty() && rules.fault(candidate).is_none());
    Ok(Grade::pass(holds != question.inverse, || format!("expected the answer {}to contain SQL", question.not())))
}

/// What SQL may hold.
struct Rules {
    database: String,
    dialect: Box<dyn Dialect>,
    tables: Option<Vec<String>>,
    columns: Option<Vec<String>>,
}

impl Rules {
    fn of(value: Option<&Value>) -> Result<Self, String> {
        let empty = serde_json::Map::new();
        let settings = match value {
            Some(Value::Object(settings)) => settings,
            Some(value) if js::truthy(value) && !value.is_array() => return Err("is-sql takes an object as its value".to_owned()),
            _ => &empty,
        };
        let database = settings.get("databaseType").and_then(Value::as_str).unwrap_or("MySQL").to_owned();
        let list = |key: &str| settings.get(key)?.as_array().map(|items| items.iter().map(js::text).collect::<Vec<_>>());
        let dialect: Box<dyn Dialect> = match database.to_lowercase().as_str() {
            "mysql" | "mariadb" => Box::new(MySqlDialect {}),
            "postgresql" | "postgres" => Box::new(PostgreSqlDialect {}),
            "sqlite" => Box::new(SQLiteDialect {}),
            "transactsql" => Box::new(MsSqlDialect {}),
            "bigquery" => Box::new(BigQueryDialect {}),
            "snowflake" => Box::new(SnowflakeDialect {}),
            "redshift" => Box::new(RedshiftSqlDialect {}),
            "hive" => Box::new(HiveDialect {}),
            _ => return Err(format!("{database} is no database whose SQL can be parsed here")),
        };
        Ok(Self { database, dialect, tables: list("allowedTables"), columns: list("allowedColumns") })
    }

    /// What is wrong with a statement, if anything is.
    fn fault(&self, sql: &str) -> Option<String> {
        let syntax = || format!("this is not {} SQL", self.database);
        if sql.trim().is_empty() || sql.matches('`').count() % 2 == 1 || comma_is_missing(sql) {
            return Some(syntax());
        }
        if self.database == "MySQL" && sql.to_lowercase().contains("generate_series(") {
            return Some(syntax());
        }
        let Ok(statements) = Parser::parse_sql(self.dialect.as_ref(), sql) else { return Some(syntax()) };
        let uses = Uses::of(&statements);
        let forbidden = |allowed: &Option<Vec<String>>, used: &BTreeSet<String>| {
            let patterns: Option<Vec<regex::Regex>> = allowed.as_ref().map(|list| list.iter().filter_map(|text| pattern(text)).collect());
            patterns.and_then(|patterns| used.iter().find(|name| !patterns.iter().any(|pattern| pattern.is_match(name))).cloned())
        };
        if let Some(table) = forbidden(&self.tables, &uses.tables) {
            return Some(format!("the SQL uses a table that is not allowed: {table}"));
        }
        forbidden(&self.columns, &uses.columns).map(|column| format!("the SQL uses a column that is not allowed: {column}"))
    }
}

/// node-sql-parser's white list: `select::null::users`, a pattern without regard to case; a null matches any table of a column.
fn pattern(text: &str) -> Option<regex::Regex> {
    let parts: Vec<&str> = text.split("::").collect();
    let widened = if parts.len() == 3 { format!("{}::(?:null|{})::{}", parts[0], parts[1], parts[2]) } else { text.to_owned() };
    regex::Regex::new(&format!("(?i)^(?:{widened})$")).ok()
}

/// `select a b from t`: a comma was probably forgotten.
fn comma_is_missing(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_lowercase).collect();
    let is_name =
        |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    words.windows(4).any(|w| {
        w[0] == "select" && is_name(&w[1]) && !matches!(w[1].as_str(), "all" | "distinct") && is_name(&w[2]) && w[3] == "from" && w[2] != "as"
    })
}

/// Tables and columns of statements, in node-sql-parser's form.
#[derive(Default)]
struct Uses {
    verb: &'static str,
    tables: BTreeSet<String>,
    columns: BTreeSet<String>,
}

impl Uses {
    fn of(statements: &[Statement]) -> Self {
        let mut uses = Uses::default();
        for statement in statements {
            uses.verb = match statement {
                Statement::Insert(_) => "insert",
                Statement::Update { .. } => "update",
                Statement::Delete(_) => "delete",
                Statement::CreateTable(_) => "create",
                Statement::Drop { .. } => "drop",
                Statement::AlterTable { .. } => "alter",
                Statement::Truncate { .. } => "truncate",
                _ => "select",
            };
            let _ = statement.visit(&mut uses);
            if let Statement::Query(query) = statement
                && let sqlparser::ast::SetExpr::Select(select) = query.body.as_ref()
                && select.projection.iter().any(|item| matches!(item, sqlparser::ast::SelectItem::Wildcard(_)))
            {
                uses.columns.insert("select::null::(.*)".to_owned());
            }
        }
        uses
    }
}

impl Visitor for Uses {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Vec<String> = relation.to_string().replace(['`', '"', '[', ']'], "").split('.').map(str::to_owned).collect();
        let schema = if parts.len() > 1 { parts[parts.len() - 2].clone() } else { "null".to_owned() };
        self.tables.insert(format!("{}::{schema}::{}", self.verb, parts.last().map_or("", String::as_str)));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(name) => {
                self.columns.insert(format!("select::null::{}", name.value));
            }
            Expr::CompoundIdentifier(names) if names.len() >= 2 => {
                self.columns.insert(format!("select::{}::{}", names[names.len() - 2].value, names[names.len() - 1].value));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The fenced blocks of a Markdown text that are SQL or say nothing.
fn code_blocks(text: &str) -> Vec<String> {
    let (mut blocks, mut body, mut open): (Vec<String>, Vec<&str>, Option<(&str, bool)>) = (Vec::new(), Vec::new(), None);
    for line in text.lines() {
        let trimmed = line.trim_start();
        let fence = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence) && line.len() - trimmed.len() < 4);
        match (open, fence) {
            (None, Some(fence)) => {
                let language = trimmed.trim_start_matches(['`', '~']).trim().to_lowercase();
                open = Some((fence, language.is_empty() || language == "sql"));
                body.clear();
            }
            (Some((opened, is_sql)), Some(fence)) if opened == fence && trimmed.trim_end().chars().all(|c| fence.contains(c)) => {
                if is_sql {
                    blocks.push(body.join("\n").trim().to_owned());
                }
                open = None;
            }
            (Some(_), _) => body.push(line),
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn statements_are_parsed_and_held_to_their_lists() {
        let fault = |value: Value, sql: &str| Rules::of(Some(&value)).unwrap().fault(sql);
        assert_eq!(fault(json!(null), "SELECT id, name FROM users WHERE id = 1;"), None);
        assert!(fault(json!(null), "SELECT id name FROM users").is_some());
        assert!(fault(json!(null), "SELECT * FROM").is_some());
        assert_eq!(fault(json!({"allowedTables": ["select::null::users"]}), "select * from users"), None);
        assert!(fault(json!({"allowedTables": ["select::null::users"]}), "select * from orders").is_some());
        assert_eq!(code_blocks("a\n```sql\nselect 1\n```\n```py\nx\n```"), ["select 1"]);
    }
}
