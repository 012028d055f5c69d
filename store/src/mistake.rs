//! Says what is wrong with a query, where, and what was probably meant.

use arrow::error::ArrowError;
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{DataFusionError, Diagnostic, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, TokenizerError};

use crate::error::Error;

/// Longest line of a query that is shown around a mistake, in characters.
const EXCERPT_MAX: usize = 120;
/// Longest message, in characters.
const MESSAGE_MAX: usize = 300;

/// Where in a query something stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: u64,
    pub column: u64,
    /// Characters that the caret line underlines.
    pub width: u64,
}

impl Place {
    /// Reads the parser's notion of a place; it has none at the end of the query, so that the last line's end is shown instead.
    pub(crate) fn new(location: Location, width: usize, sql: &str) -> Place {
        let width = u64::try_from(width).unwrap_or(1);
        match location.line {
            0 => Place::end_of(sql),
            line => Place { line, column: location.column.max(1), width },
        }
    }

    fn end_of(sql: &str) -> Place {
        let text = sql.trim_end();
        let line = text.lines().count().max(1);
        let column = text.lines().last().map_or(0, |last| last.chars().count()) + 1;
        Place { line: line as u64, column: column as u64, width: 1 }
    }
}

/// Makes an error that shows the place in the query that it is about.
pub(crate) fn at(sql: &str, place: Option<Place>, message: &str) -> Error {
    let message = cut(message);
    let Some(place) = place else { return Error::Query { message } };
    let (line, column) = (place.line, place.column);
    Error::Query { message: format!("{message}, at line {line}, column {column}{}", excerpt(sql, place)) }
}

/// Cuts a message that goes on for pages, as the engine's do where they print a whole syntax tree.
fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{} ...", &message[..end]),
        None => message.to_owned(),
    }
}

/// Shows the line of the query with a caret under the place; a long line is cut around it.
fn excerpt(sql: &str, place: Place) -> String {
    let index = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(0);
    let Some(line) = sql.lines().nth(index(place.line)) else { return String::new() };
    let characters = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<Vec<_>>();
    let column = index(place.column).min(characters.len());
    let start = if characters.len() > EXCERPT_MAX { column.saturating_sub(EXCERPT_MAX / 2) } else { 0 };
    let end = characters.len().min(start + EXCERPT_MAX);
    let shown = characters[start..end].iter().collect::<String>();
    let carets = usize::try_from(place.width).unwrap_or(1).clamp(1, (end - column.min(end)).max(1));
    format!("\n  {shown}\n  {}{}", " ".repeat(column - start), "^".repeat(carets))
}

/// Reports text that the tokenizer could not read.
pub(crate) fn unreadable(sql: &str, error: &TokenizerError) -> Error {
    at(sql, Some(Place::new(error.location, 1, sql)), &lower_first(&error.message))
}

/// Returns ` (did you mean "model"?)` for the nearest of `candidates`, or nothing where none is near.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates).as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean \"{one}\"?"),
        [first @ .., last] => {
            let first = first.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            format!("; did you mean {first} or \"{last}\"?")
        }
    }
}

/// Lists up to three names that `name` may stand for, the nearest first.
fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let limit = ((name.chars().count() + 1) / 3).max(1);
    let distance = |candidate: &str| match candidate {
        longer if longer.len() > name.len() && name.len() > 3 && longer.contains(&name) => 1,
        other => levenshtein(&name, &other.to_lowercase()),
    };
    let mut near = candidates.into_iter().map(|candidate| (distance(candidate), candidate.len(), candidate)).collect::<Vec<_>>();
    near.retain(|(distance, ..)| *distance <= limit);
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(.., candidate)| candidate).collect()
}

/// Turns what the engine says about a query into an error for the person who wrote it.
pub(crate) fn from_engine(error: DataFusionError, sql: &str, functions: &[&str]) -> Error {
    explain(&error, None, sql, functions).unwrap_or(Error::Engine(Box::new(error)))
}

/// Finds the innermost error and the place that goes with it; nothing where the query is not to blame.
fn explain(error: &DataFusionError, diagnostic: Option<&Diagnostic>, sql: &str, functions: &[&str]) -> Option<Error> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => explain(inner, Some(diagnostic), sql, functions),
        DataFusionError::Context(_, inner) => explain(inner, diagnostic, sql, functions),
        DataFusionError::Shared(inner) => explain(inner, diagnostic, sql, functions),
        DataFusionError::Collection(all) => explain(all.first()?, diagnostic, sql, functions),
        DataFusionError::SQL(error, _) => Some(from_parser(error, sql)),
        DataFusionError::SchemaError(error, _) => Some(from_schema(error, diagnostic, sql)),
        DataFusionError::Plan(message) => Some(from_planner(message, diagnostic, sql, functions)),
        DataFusionError::NotImplemented(message) => Some(at(sql, place_of(diagnostic), &format!("this SQL is not supported: {message}"))),
        DataFusionError::Configuration(message) | DataFusionError::Execution(message) => Some(at(sql, None, &lower_first(message))),
        DataFusionError::ArrowError(error, _) => Some(at(sql, None, &from_arrow(error))),
        DataFusionError::Internal(message) => {
            let message = message.lines().next().unwrap_or_default();
            Some(at(sql, place_of(diagnostic), &format!("the query engine has no plan for this: {message}")))
        }
        _ => None,
    }
}

fn from_arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::ComputeError(message) | ArrowError::CastError(message) | ArrowError::InvalidArgumentError(message) => {
            lower_first(message.strip_prefix("Execution error: ").unwrap_or(message))
        }
        other => lower_first(&other.to_string()),
    }
}

fn from_parser(error: &ParserError, sql: &str) -> Error {
    match error {
        ParserError::RecursionLimitExceeded => at(sql, None, "the query is nested too deep; flatten it, or name its parts in a with clause"),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let (message, place) = cut_place(message, sql);
            at(sql, place, &lower_first(&message))
        }
    }
}

/// Takes the ` at Line: 1, Column: 8` off the end of a parser's message.
fn cut_place(message: &str, sql: &str) -> (String, Option<Place>) {
    let place = |text: &str| {
        let (line, column) = text.split_once(", Column: ")?;
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    };
    match message.rsplit_once(" at Line: ") {
        Some((text, rest)) => (text.to_owned(), place(rest).map(|location| Place::new(location, 1, sql))),
        None if message.ends_with("found: EOF") => (message.replace("EOF", "the end of the query"), Some(Place::end_of(sql))),
        None => (message.to_owned(), None),
    }
}

fn from_schema(error: &SchemaError, diagnostic: Option<&Diagnostic>, sql: &str) -> Error {
    let message = match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let table = field.relation.as_ref().map(|relation| format!(" in \"{relation}\"")).unwrap_or_default();
            let here = valid_fields.iter().filter(|valid| field.relation.is_none() || valid.relation == field.relation);
            let hint = did_you_mean(field.name(), here.map(|column| column.name()));
            format!("there is no column \"{}\"{table}{hint}", field.name())
        }
        SchemaError::AmbiguousReference { field } => {
            format!("column \"{}\" is in more than one table; write the table's name before it", field.name())
        }
        other => lower_first(&other.to_string()),
    };
    let place = place_of(diagnostic).or_else(|| match error {
        SchemaError::FieldNotFound { field, .. } => find_word(sql, field.name()),
        _ => None,
    });
    at(sql, place, &message)
}

fn from_planner(message: &str, diagnostic: Option<&Diagnostic>, sql: &str, functions: &[&str]) -> Error {
    let quoted = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('\'').next());
    if let Some(name) = quoted("Invalid function '") {
        let place = place_of(diagnostic).or_else(|| find_word(sql, name));
        return at(sql, place, &format!("there is no function \"{name}\"{}", did_you_mean(name, functions.iter().copied())));
    }
    if let Some((name, reason)) = refused_arguments(message) {
        return at(sql, place_of(diagnostic).or_else(|| find_word(sql, name)), &lower_first(reason));
    }
    at(sql, place_of(diagnostic), &lower_first(message))
}

/// Finds what a function itself says of its arguments between what the engine says around it: the function's name, and its reason.
fn refused_arguments(message: &str) -> Option<(&str, &str)> {
    let (before, reason) = message.split_once("' user-defined coercion failed with: ")?;
    let name = before.rsplit('\'').next()?;
    let reason = reason.strip_prefix("Error during planning: ").unwrap_or(reason);
    Some((name, reason.split(" No function matches").next()?.trim_end_matches('.')))
}

fn place_of(diagnostic: Option<&Diagnostic>) -> Option<Place> {
    let span = diagnostic?.span?;
    let width = if span.end.line == span.start.line { span.end.column.saturating_sub(span.start.column).max(1) } else { 1 };
    Some(Place { line: span.start.line, column: span.start.column, width })
}

/// Finds where a word first stands in the query.
pub(crate) fn find_word(sql: &str, word: &str) -> Option<Place> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let wanted = word.to_lowercase();
    for (number, line) in sql.lines().enumerate() {
        let line = line.to_lowercase();
        for (start, _) in line.match_indices(&wanted) {
            let before = line[..start].chars().next_back();
            let after = line[start + wanted.len()..].chars().next();
            if !before.is_some_and(is_part) && !after.is_some_and(is_part) {
                let column = line[..start].chars().count() as u64 + 1;
                return Some(Place { line: number as u64 + 1, column, width: wanted.chars().count() as u64 });
            }
        }
    }
    None
}

/// Begins a message in lower case, as all of karat's do, unless its first word is an acronym or a name.
fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => first.to_lowercase().chain(characters).collect(),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(error: Error) -> String {
        match error {
            Error::Query { message } => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let sql = "select 1\nfrom nowhere";
        let place = find_word(sql, "nowhere");
        assert_eq!(message(at(sql, place, "no table")), "no table, at line 2, column 6\n  from nowhere\n       ^^^^^^^");
    }

    #[test]
    fn what_a_function_says_of_its_arguments_stands_alone() {
        let said = "Execution error: Function 'psi' user-defined coercion failed with: Error during planning: psi takes two arguments. \
                    No function matches the given name and argument types 'psi(Int64)'. You might need to add explicit type casts.";
        let error = from_planner(said, None, "select psi(1)", &[]);
        assert_eq!(message(error), "psi takes two arguments, at line 1, column 8\n  select psi(1)\n         ^^^");
    }

    /// A query is often one line of many kilobytes; the excerpt must stay readable.
    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let sql = format!("select {} oops from spans", "a, ".repeat(5_000));
        let shown = message(at(&sql, find_word(&sql, "oops"), "bad"));
        let lines = shown.lines().collect::<Vec<_>>();
        assert!(lines[1].len() < 130 && lines[1].contains("oops"), "{shown}");
        assert_eq!(lines[1].find("oops"), lines[2].find('^'));
    }

    #[test]
    fn near_names_are_offered() {
        assert_eq!(did_you_mean("modle", ["model", "mode", "name"]), "; did you mean \"mode\" or \"model\"?");
        assert_eq!(did_you_mean("tokens", ["input_tokens", "name"]), "; did you mean \"input_tokens\"?");
        assert_eq!(did_you_mean("zebra", ["model"]), "");
    }

    #[test]
    fn the_end_of_a_query_has_a_place() {
        assert_eq!(Place::end_of("select\n1 +"), Place { line: 2, column: 4, width: 1 });
        assert_eq!(Place::end_of(""), Place { line: 1, column: 1, width: 1 });
    }
}
