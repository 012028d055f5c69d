//! From the text of a query to one statement that only reads.

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::dialect::KaratDialect;
use crate::error::Error;
use crate::mistake::{self, Place};
use crate::param::Param;

/// How deep parentheses and subqueries may nest.
const NESTING_MAX: usize = 50;
/// How many operators and keywords may stand between two commas or parentheses: `a and b and c ...` is a tree as deep as it is long.
const CHAIN_MAX: usize = 1_000;
/// How many operators and keywords a query may have.
const OPERATORS_MAX: usize = 20_000;

/// Parses the text of a query into its only statement, with `params` in place of `$name`.
///
/// Errors point at the place: text that is no SQL, more than one statement, a statement that writes, a parameter without a value,
/// and a query so long or so deep that planning it would cost more than answering it.
pub(crate) fn parse(sql: &str, params: &[(String, Param)], bytes_max: usize) -> Result<Statement, Error> {
    if sql.len() > bytes_max {
        let bytes = sql.len();
        return Err(Error::Query { message: format!("the query has {bytes} bytes, the limit is {bytes_max}; pass long lists as rows of a table") });
    }
    let tokens = Tokenizer::new(&KaratDialect, sql).tokenize_with_location().map_err(|error| mistake::unreadable(sql, &error))?;
    bound_depth(sql, &tokens)?;
    let tokens = fill_in(sql, tokens, params)?;
    let from_engine = |error| mistake::from_engine(error, sql, &[]);
    let parser = DFParserBuilder::new(tokens).with_dialect(&KaratDialect).with_recursion_limit(NESTING_MAX).build();
    let mut statements = parser.map_err(from_engine)?.parse_statements().map_err(from_engine)?;
    let (statement, more) = (statements.pop_front(), statements.len());
    let Some(statement) = statement else { return Err(Error::Query { message: "the query is empty; try: select 1".to_owned() }) };
    if more > 0 {
        return Err(Error::Query { message: format!("a query is one statement, here are {}; send them one by one", more + 1) });
    }
    only_reads(&statement)?;
    Ok(statement)
}

/// Refuses queries whose syntax tree would be deeper than the stack of the threads that walk it.
fn bound_depth(sql: &str, tokens: &[TokenWithSpan]) -> Result<(), Error> {
    let (mut chain, mut all, mut explains) = (vec![0_usize], 0, 0);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) | Token::Period => continue,
            Token::Word(word) if word.keyword == Keyword::NoKeyword => continue,
            Token::Word(word) if word.keyword == Keyword::EXPLAIN => explains += 1,
            Token::Comma | Token::SemiColon => {
                chain.last_mut().iter_mut().for_each(|chain| **chain = 0);
                continue;
            }
            Token::RParen | Token::RBracket => {
                if chain.len() > 1 {
                    chain.pop();
                }
                continue;
            }
            _ => {}
        }
        all += 1;
        let here = chain.last_mut().map_or(0, |chain| {
            *chain += 1;
            *chain
        });
        if here > CHAIN_MAX || all > OPERATORS_MAX || explains > 1 {
            let place = Place::new(token.span.start, 1, sql);
            return Err(mistake::at(sql, Some(place), "the query is too complex from here on; use `in (...)` for long lists, or several queries"));
        }
        if matches!(token.token, Token::LParen | Token::LBracket) {
            chain.push(0);
        }
    }
    Ok(())
}

/// Puts the parameters' values in place of `$name`.
fn fill_in(sql: &str, tokens: Vec<TokenWithSpan>, params: &[(String, Param)]) -> Result<Vec<TokenWithSpan>, Error> {
    let mut filled = Vec::with_capacity(tokens.len());
    for token in tokens {
        let Token::Placeholder(placeholder) = &token.token else {
            filled.push(token);
            continue;
        };
        let bare = |name: &str| name.trim_start_matches('$').to_owned();
        let Some((_, value)) = params.iter().find(|(name, _)| bare(name) == bare(placeholder)) else {
            let place = Place::new(token.span.start, placeholder.chars().count(), sql);
            return Err(mistake::at(sql, Some(place), &format!("parameter {placeholder} has no value")));
        };
        filled.extend(value.tokens().into_iter().map(|value| TokenWithSpan::new(value, token.span)));
    }
    Ok(filled)
}

/// Refuses every statement but `select`, `explain`, `show` and `describe`; what a `select` may hide is checked on its plan.
fn only_reads(statement: &Statement) -> Result<(), Error> {
    let reads = match statement {
        Statement::Explain(explain) => return only_reads(&explain.statement),
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            SqlStatement::Query(_) | SqlStatement::ShowTables { .. } | SqlStatement::ShowColumns { .. } | SqlStatement::ExplainTable { .. }
        ),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    };
    match reads {
        true => Ok(()),
        false => Err(Error::Query { message: format!("karat's SQL only reads, so `{}` cannot run; write a select", verb(statement)) }),
    }
}

/// Returns the first two words of a statement, such as `create external`.
fn verb(statement: &Statement) -> String {
    statement.to_string().split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_lowercase().chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use schema::Micros;

    use super::*;

    fn error(sql: &str) -> String {
        parse(sql, &[], 1_000_000).unwrap_err().to_string()
    }

    #[test]
    fn parameters_become_literals() {
        let params = [("a".to_owned(), Param::from("it's")), ("$b".to_owned(), Param::Int(-5)), ("t".to_owned(), Param::Time(Micros(7)))];
        let statement = parse("select * from x where a = $a and b = $b::text and t > $t and a = '$b' limit 3", &params, 10_000).unwrap();
        assert_eq!(
            statement.to_string(),
            "SELECT * FROM x WHERE a = 'it''s' AND b = (-5)::TEXT AND t > arrow_cast(7, 'Timestamp(Microsecond, Some(\"UTC\"))') AND a = '$b' LIMIT 3"
        );
        assert!(error("select $who").starts_with("parameter $who has no value, at line 1, column 8"));
    }

    #[test]
    fn only_one_reading_statement_is_taken() {
        for sql in ["", " ; ", "select 1; select 2", "drop table spans", "copy spans to 'x.csv'", "set a = 1", "explain insert into spans select 1"] {
            assert!(parse(sql, &[], 1_000).is_err(), "{sql}");
        }
        for sql in ["select 1;", "explain analyze select 1", "show tables", "describe spans", "with a as (select 1) select * from a"] {
            assert!(parse(sql, &[], 1_000).is_ok(), "{sql}");
        }
    }

    /// Each of these is a tree as deep as the text is long; the parser or the planner would walk off the stack.
    #[test]
    fn deep_queries_are_refused() {
        let deep = |open: &str, middle: &str, close: &str| format!("select {}{middle}{}", open.repeat(100_000), close.repeat(100_000));
        for sql in [
            deep("(", "1", ")"),
            deep("(select ", "1", ")"),
            deep("abs(", "1", ")"),
            deep("- ", "1", ""),
            deep("not ", "true", ""),
            deep("", "1", " + 1"),
            deep("", "true", " and true"),
            deep("", "1", " union all select 1"),
            deep("", "a", "::text"),
            deep("", "a", "[1]"),
            deep("[", "1", "]"),
            deep("case when true then ", "1", " end"),
            deep("", "1", " is null"),
            "explain ".repeat(100_000),
        ] {
            let message = parse(&sql, &[], 10_000_000).unwrap_err().to_string();
            assert!(message.len() < 500, "{} ...", &message[..200]);
        }
    }

    #[test]
    fn long_lists_are_no_deep_queries() {
        let list = vec!["'0123456789abcdef'"; 5_000].join(", ");
        assert!(parse(&format!("select * from spans where span_id in ({list})"), &[], 1_000_000).is_ok());
        let rows = vec!["(1, 'a', -2.5)"; 3_000].join(", ");
        assert!(parse(&format!("select * from (values {rows}) as t"), &[], 1_000_000).is_ok());
    }

    #[test]
    fn mistakes_have_a_place() {
        assert!(error("select 1\norder from").contains("at line 2, column 1"), "{}", error("select 1\norder from"));
        assert!(error("select 'abc").contains("line 1, column 8"), "{}", error("select 'abc"));
        assert!(error("select 1 +").contains("the end of the query"), "{}", error("select 1 +"));
    }
}
