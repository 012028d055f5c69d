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
         `select time, robust_z(n) over (partition by service order by time) from hours`. Every aggregate can be taken over a window too, \
         `psi(x, is_current) over (order by time rows between 99 preceding and current row)`, of at most 10,000 rows where the frame moves: it is \
         computed anew for each row.\n\n\
         **Infinite values.** To an aggregate they are values: the outermost in every order, rank and bin, and where a sum or a mean is needed there is no number \
         (null), or an infinite distance. To a window function they are no measurement, and read as null: a sum would never get rid of one.\n\n\
         **Exactness.** States merge, and what comes out hangs on the values alone, not on the order of rows or files. Up to 1,000,000 values a side all of them are kept. \
         Above, they are rounded towards zero to their leading bits, as many as leave 1,000,000 different values, both sides alike, and \
         1,000,000 at even ranks stand for all: 15 bits or more of the mantissa where values spread over a few powers of ten, a relative error below \
         0.00004. With a cluster, whole clusters are left out by their hash, the same ones for every column, so that measures of one table \
         are of the same sessions; a distribution function is then off by at most sqrt(ln(2/delta) / (2 n)) with probability 1 - delta, \
         for n independent clusters of equal size (Dvoretzky, Kiefer and Wolfowitz): 0.014 for 10,000, delta 0.05. `exactness` says which it was; \
         `drift`, `disparity` and `ddsketch_quantile` say so themselves.\n\n\
         **A drift report** is a row a column, corrected together:\n\n\
         ```sql\n\
         with sides as (select *, start_time >= now() - interval '1 day' as c from llm_calls),\n\
         report as (\n  \
           select 'duration_ns' as name, drift(duration_ns, c, trace_id) as d from sides\n  \
           union all select 'input_tokens', drift(input_tokens, c, trace_id) from sides\n  \
           union all select 'model', drift(model, c, trace_id) from sides\n\
         )\n\
         select name, d['test'] as test, d['effect'] as effect, bh(d['p_value']) over () as p_value, d['n'] as n, d['n_unseen'] as n_unseen, d['exact'] as exact\n\
         from report\n\
         order by p_value\n\
         ```\n",
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
