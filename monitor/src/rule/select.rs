//! The check that a monitor's `select` is one SELECT, which can stand as a subquery.

/// Returns the statement without a trailing semicolon, or says why it cannot stand as a subquery.
///
/// The store refuses writes whatever they look like; this check is there for the author of the file, and so that
/// the text cannot close the bracket that karat puts around it.
pub(super) fn one_select(sql: &str) -> Result<String, String> {
    let code = without_text(sql)?;
    let trimmed = code.trim_end();
    let body = trimmed.strip_suffix(';').unwrap_or(trimmed);
    if body.contains(';') {
        return Err("select holds more than one statement; write one SELECT and no semicolon".to_owned());
    }
    let first = body.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    if first != "select" && first != "with" {
        return Err(format!("select begins with {first:?}; write one SELECT (or WITH ... SELECT)"));
    }
    brackets_match(body)?;
    let kept: String = sql.chars().take(body.chars().count()).collect();
    Ok(kept.trim().to_owned())
}

/// Blanks out string literals, quoted names and comments, character by character, so that the rest can be searched.
fn without_text(sql: &str) -> Result<String, String> {
    let mut code = String::with_capacity(sql.len());
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' | '`' => {
                code.push('x');
                loop {
                    let Some(next) = chars.next() else {
                        return Err(format!("select has a {c} that is never closed"));
                    };
                    code.push('x');
                    if next == c {
                        break;
                    }
                }
            }
            '-' if chars.peek() == Some(&'-') => {
                code.push(' ');
                while chars.peek().is_some_and(|next| *next != '\n') {
                    chars.next();
                    code.push(' ');
                }
            }
            '/' if chars.peek() == Some(&'*') => blank_comment(&mut chars, &mut code)?,
            other => code.push(other),
        }
    }
    Ok(code)
}

fn blank_comment(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, code: &mut String) -> Result<(), String> {
    chars.next();
    code.push_str("  ");
    let mut last = ' ';
    for c in chars.by_ref() {
        code.push(' ');
        if last == '*' && c == '/' {
            return Ok(());
        }
        last = c;
    }
    Err("select has a /* that is never closed".to_owned())
}

fn brackets_match(code: &str) -> Result<(), String> {
    let mut depth = 0_i64;
    for c in code.chars() {
        depth += i64::from(c == '(') - i64::from(c == ')');
        if depth < 0 {
            return Err("select closes a bracket that it did not open".to_owned());
        }
    }
    if depth == 0 { Ok(()) } else { Err("select opens a bracket that it does not close".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_passes_without_its_semicolon() {
        assert_eq!(one_select("select 1 as value ; \n").unwrap(), "select 1 as value");
        assert_eq!(one_select("-- why\nWITH a AS (select 1) select * from a -- end").unwrap(), "-- why\nWITH a AS (select 1) select * from a");
        assert_eq!(one_select("select ';)' as \"a;b\" /* ; ) */").unwrap(), "select ';)' as \"a;b\"");
        assert_eq!(one_select("select 1; -- done").unwrap(), "select 1");
        assert_eq!(one_select("select 'it''s'").unwrap(), "select 'it''s'");
    }

    #[test]
    fn anything_else_is_refused() {
        for (sql, word) in [
            ("select 1; drop table spans", "more than one"),
            ("delete from spans", "delete"),
            ("", "begins with"),
            ("select 1) union (select 2", "did not open"),
            ("select (1", "does not close"),
            ("select 'a", "never closed"),
            ("select 1 /* a", "never closed"),
        ] {
            let error = one_select(sql).unwrap_err();
            assert!(error.contains(word), "{sql}: {error}");
        }
    }
}
