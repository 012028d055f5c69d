//! The SQL that karat reads: PostgreSQL's, so that `->` and `->>` read JSON, with `select * exclude (...)` beside it.

use std::any::TypeId;

use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

/// PostgreSQL's dialect with a few of DuckDB's comforts.
#[derive(Debug)]
pub(crate) struct KaratDialect;

const POSTGRES: PostgreSqlDialect = PostgreSqlDialect {};

macro_rules! as_postgres {
    ($($method:ident)*) => {
        $(fn $method(&self) -> bool {
            POSTGRES.$method()
        })*
    };
}

impl Dialect for KaratDialect {
    /// Where the parser asks which dialect this is, it is PostgreSQL's.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        POSTGRES.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        POSTGRES.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        POSTGRES.is_identifier_part(c)
    }

    fn is_custom_operator_part(&self, c: char) -> bool {
        POSTGRES.is_custom_operator_part(c)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        POSTGRES.is_reserved_for_identifier(keyword)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        POSTGRES.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        POSTGRES.prec_value(precedence)
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    as_postgres! {
        supports_unicode_string_literal supports_filter_during_aggregation supports_group_by_expr allow_extract_custom
        allow_extract_single_quotes supports_explain_with_utility_options supports_factorial_operator supports_bitwise_shift_operators
        supports_named_fn_args_with_colon_operator supports_named_fn_args_with_expr_name supports_nested_comments
        supports_string_escape_constant supports_numeric_literal_underscores supports_array_typedef_with_brackets
        supports_notnull_operator supports_interval_options supports_comma_separated_trim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expect: &str) {
        let parsed = Parser::parse_sql(&KaratDialect, sql).unwrap();
        assert_eq!(parsed[0].to_string(), expect);
    }

    /// An arrow inside of a call must be a key of JSON, not a lambda, and must bind before `=`.
    #[test]
    fn arrows_read_json() {
        check(
            "select f(attributes -> 'a') from t where attributes ->> 'b' = 'c'",
            "SELECT f(attributes -> 'a') FROM t WHERE attributes ->> 'b' = 'c'",
        );
        check("select a::text, E'\\n', 1_000 from t", "SELECT a::TEXT, E'\\n', 1_000 FROM t");
    }

    #[test]
    fn columns_can_be_left_out() {
        check("select * exclude (attributes, resource) from spans", "SELECT * EXCLUDE (attributes, resource) FROM spans");
        check("select model, count(*) from t group by all", "SELECT model, count(*) FROM t GROUP BY ALL");
    }
}
