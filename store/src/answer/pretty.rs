//! The table that people read in a terminal.

use std::io;

use arrow::array::Array;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::Answer;

/// Characters of a cell that are shown.
const CELL_MAX: usize = 60;

/// Writes the answer as columns with a ruler under their names, and the number of rows under all.
pub(super) fn write(answer: &Answer, out: &mut dyn io::Write) -> io::Result<()> {
    let names = answer.schema.fields().iter().map(|field| shown(field.name())).collect::<Vec<_>>();
    let rows = rows(answer);
    let width = |column: usize| rows.iter().map(|row| width_of(&row[column])).chain([width_of(&names[column])]).max().unwrap_or(0);
    let columns = (0..names.len()).map(|column| Column { width: width(column), right: is_number(answer.schema.field(column).data_type()) });
    let columns = columns.collect::<Vec<_>>();
    if !names.is_empty() {
        line(&names, &columns, out)?;
        let rulers = columns.iter().map(|column| "─".repeat(column.width)).collect::<Vec<_>>();
        writeln!(out, "{}", rulers.join("──"))?;
    }
    for row in &rows {
        line(row, &columns, out)?;
    }
    let n = rows.len();
    let noun = if n == 1 { "row" } else { "rows" };
    let cut = if answer.truncated { ", cut here: there are more" } else { "" };
    writeln!(out, "({n} {noun}{cut})")
}

struct Column {
    width: usize,
    /// Numbers stand under each other by their last digit.
    right: bool,
}

fn line(cells: &[String], columns: &[Column], out: &mut dyn io::Write) -> io::Result<()> {
    let mut line = String::new();
    for (cell, column) in cells.iter().zip(columns) {
        let space = " ".repeat(column.width.saturating_sub(width_of(cell)));
        let (before, after) = if column.right { (space.as_str(), "") } else { ("", space.as_str()) };
        line.push_str(&format!("{before}{cell}{after}  "));
    }
    writeln!(out, "{}", line.trim_end())
}

fn rows(answer: &Answer) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("null").with_display_error(true);
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let cells = batch.columns().iter().map(|column| (column, ArrayFormatter::try_new(column, &options).ok())).collect::<Vec<_>>();
        for row in 0..batch.num_rows() {
            let cell = |(column, formatter): &(&arrow::array::ArrayRef, Option<ArrayFormatter>)| match formatter {
                Some(formatter) => shown(&formatter.value(row).to_string()),
                None => format!("<{}>", column.data_type()),
            };
            rows.push(cells.iter().map(cell).collect());
        }
    }
    rows
}

/// Cuts a long text, and writes control characters as escapes: text from a trace must not move the reader's cursor.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index >= CELL_MAX => {
                shown.push('…');
                break;
            }
            '\n' | '\r' | '\t' => shown.push(if c == '\t' { ' ' } else { '⏎' }),
            c if c.is_control() || is_direction(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters that turn the direction of the text after them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns how many cells of a terminal the text takes: East Asian characters and emoji take two.
fn width_of(text: &str) -> usize {
    let width = |c: char| match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    };
    text.chars().map(width).sum()
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn a_table_is_aligned_cut_and_harmless() {
        let time = TimestampMicrosecondArray::from(vec![Some(1_795_258_800_000_000), None]).with_timezone("UTC");
        let batch = RecordBatch::try_from_iter([
            ("name", Arc::new(StringViewArray::from(vec![Some("a\u{1b}[2Jb\nc"), None])) as arrow::array::ArrayRef),
            ("n", Arc::new(Int64Array::from(vec![5, 1_000]))),
            ("share", Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN)]))),
            ("time", Arc::new(time)),
            ("long", Arc::new(StringViewArray::from(vec!["x".repeat(500), "東京".to_owned()]))),
        ])
        .unwrap();
        let answer = Answer { schema: batch.schema(), batches: vec![batch], truncated: true };
        let mut out = Vec::new();
        write(&answer, &mut out).unwrap();
        let cut = format!("{}…", "x".repeat(60));
        let expect = format!(
            "name              n  share  time                  long\n\
             {}\n\
             a\\u{{1b}}[2Jb⏎c     5    0.5  2026-11-21T11:00:00Z  {cut}\n\
             null           1000    NaN  null                  東京\n\
             (2 rows, cut here: there are more)\n",
            "─".repeat(111)
        );
        pretty_assert(&String::from_utf8(out).unwrap(), &expect);
    }

    #[track_caller]
    fn pretty_assert(found: &str, expect: &str) {
        assert!(found == expect, "found\n{found}\nexpected\n{expect}");
    }

    #[test]
    fn an_answer_without_rows_shows_its_columns() {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(Vec::<i64>::new())) as arrow::array::ArrayRef)]).unwrap();
        let answer = Answer { schema: batch.schema(), batches: vec![], truncated: false };
        let mut out = Vec::new();
        write(&answer, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "n\n─\n(0 rows)\n");
    }
}
