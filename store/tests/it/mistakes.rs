//! What karat says about a wrong query.

use crate::fixture::Fixture;

#[tokio::test]
async fn errors_point_at_the_mistake() {
    let fixture = Fixture::open().await;
    for (sql, expect) in [
        (
            "select trace_id,\n  modle\nfrom llm_calls",
            "there is no column \"modle\"; did you mean \"model\"?, at line 2, column 3\n    modle\n    ^^^^^",
        ),
        (
            "select c.tokens from llm_calls c",
            "there is no column \"tokens\" in \"c\"; did you mean \"max_tokens\", \"input_tokens\" or \"output_tokens\"?, at line 1, column 8\n  select c.tokens from llm_calls c\n         ^^^^^^^^",
        ),
        (
            "select * from lm_calls",
            "there is no table \"lm_calls\"; did you mean \"llm_calls\"?, at line 1, column 15\n  select * from lm_calls\n                ^^^^^^^^",
        ),
        ("select meen(duration_ns) from spans", "there is no function \"meen\"; did you mean \"mean\""),
        (
            "select count(*) form spans",
            "expected: end of statement, found: spans, at line 1, column 22\n  select count(*) form spans\n                       ^",
        ),
        ("select 1 +", "expected: an expression, found: the end of the query, at line 1, column 11\n  select 1 +\n            ^"),
        ("select 'abc", "unterminated string literal, at line 1, column 8"),
        ("select trace_id, count(*) from spans", "must appear in the GROUP BY clause"),
        ("select s.name from spans s join spans t on s.trace_id = t.trace_id where name = 'x'", "column \"name\" is in more than one table"),
        ("select 1 / 0", "divide by zero"),
        ("select cast('x' as bigint)", "cannot cast string 'x' to value of Int64 type"),
        ("select psi(trace_id) from spans", "psi takes two arguments, or three: psi(value, is_current [, cluster])"),
        ("select psi(duration_ns, name) from spans", "must be true or false"),
        ("select ks_p_value(name, true) from spans", "ks_p_value cannot compare values of type"),
        ("select * from spans where name = $who", "parameter $who has no value, at line 1, column 34"),
    ] {
        let said = fixture.error(sql).await;
        assert!(said.contains(expect), "{sql}\nsaid:\n{said}\nexpected:\n{expect}");
        assert!(said.len() < 600, "{sql} said too much:\n{said}");
    }
}
