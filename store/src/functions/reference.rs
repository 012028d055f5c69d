//! `docs/sql.md`: what every function says of itself, in one page.

use std::fmt::Write;

use super::functions;

/// Writes the page. A test compares it with `docs/sql.md`.
pub fn reference() -> String {
    let mut page = String::from(
        "# SQL functions\n\n\
         karat's own functions, beside those of the engine ([DataFusion](https://datafusion.apache.org/user-guide/sql/index.html)) and the JSON operators. \
         `karat schema` prints the same, with tables and views. Written by a test from the functions' own documentation: \
         `KARAT_BLESS=1 cargo test -p karat-store reference`.\n\n\
         A **two-sample** function compares the rows where `is_current` is true with those where it is false, the reference; rows where it is null are on \
         neither side: `select drift(duration_ns, start_time > now() - interval '1 day') from llm_calls`. A record's parts are read as \
         `drift(...)['p_value']`. A **window** function measures each row against the rows before it: \
         `select time, robust_z(n) over (partition by service order by time) from hours`.\n",
    );
    let mut section = None;
    for function in functions() {
        if section.replace(function.section) != Some(function.section) {
            let _ = write!(page, "\n## {}\n", function.section);
        }
        let _ = write!(page, "\n### {}\n\n`{}` ({})\n\n{}\n", function.name, function.syntax, function.make.kind(), function.doc);
        let parts = [("Defaults", function.defaults), ("Nulls", function.nulls), ("Exactness", function.error)];
        let said: Vec<_> = parts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        if !said.is_empty() {
            page.push('\n');
        }
        for (name, text) in said {
            let _ = writeln!(page, "- {name}: {text}");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page must say what the functions say.
    #[test]
    fn the_reference_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
        if std::env::var_os("KARAT_BLESS").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == reference(), "docs/sql.md is old: run KARAT_BLESS=1 cargo test -p karat-store reference");
    }
}
