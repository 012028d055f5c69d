//! `karat eval validate`: everything that is wrong with a suite, without asking anybody.

use std::ops::Range;
use std::path::Path;

use crate::cases::Plan;
use crate::checks::Check;
use crate::config::EvaluatorConfig;
use crate::error::Error;
use crate::promptfoo::unknown_kind;
use crate::suite::{Compare, Suite, load};
use crate::target::Target;
use crate::template::Env;

/// What is wrong with a suite, a sentence each, `file:line: ` first where the line is known; nothing where it can run.
pub fn validate(path: &Path, config: &EvaluatorConfig, env: Env<'_>) -> Result<Vec<String>, Error> {
    match load(path, &Compare::Nothing, config, env) {
        Ok(suite) => findings(&suite),
        Err(Error::Config { message }) => Ok(vec![with_line(path, &message)?]),
        Err(error) => Err(error),
    }
}

/// What would be an error of a case, or of all of them.
fn findings(suite: &Suite) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for provider in &suite.providers {
        if let Target::Unknown(why) = &provider.target {
            found.push(with_line(&suite.path, why)?);
        }
        for doubt in provider.target.doubts() {
            found.push(with_line(&suite.path, doubt)?);
        }
    }
    if !suite.dataset.duplicates.is_empty() {
        found.push(format!("{}: ids stand there twice: {}", suite.path.display(), suite.dataset.duplicates.join(", ")));
    }
    for plan in &suite.plans {
        for fault in faults(plan) {
            let told = with_line(&suite.path, &fault)?;
            if !found.contains(&told) {
                found.push(told);
            }
        }
    }
    Ok(found)
}

fn faults(plan: &Plan) -> Vec<String> {
    let of_test = plan.test.fault.iter().cloned();
    let assertions = plan.nodes.iter().flat_map(|node| node.assertions());
    let of_checks = assertions.filter_map(|assertion| match &assertion.check {
        Check::Promptfoo(assert) => unknown_kind(&assertion.name).or_else(|| assert.barred().map(|fault| format!("{}: {fault}", assertion.name))),
        _ => None,
    });
    of_test.chain(of_checks).collect()
}

/// Puts file and line before a message: those that it names, else the line that it is surely about.
fn with_line(path: &Path, message: &str) -> Result<String, Error> {
    let shown = path.display().to_string();
    let told = message.strip_prefix(&format!("{shown}: ")).unwrap_or(message);
    if is_of_another_file(told) {
        return Ok(format!("{shown}: {told}"));
    }
    if let Some((before, after)) = told.rsplit_once(" at line ") {
        let line: String = after.chars().take_while(char::is_ascii_digit).collect();
        return Ok(format!("{shown}:{line}: {before}"));
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    Ok(line_of(&text, told).map_or_else(|| format!("{shown}: {told}"), |line| format!("{shown}:{line}: {told}")))
}

/// Whether a message begins with the name of a file, and perhaps a line of it.
fn is_of_another_file(told: &str) -> bool {
    let name = told.split(": ").next().unwrap_or_default();
    let plain = name.rsplit_once(':').map_or(name, |(plain, line)| if line.parse::<usize>().is_ok() { plain } else { name });
    Path::new(plain).is_file()
}

/// The line, from 1, that a message is about: in the place that it names, the one with the word that it quotes. None where several may be meant.
fn line_of(text: &str, told: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().map(without_comment).collect();
    let place = told.split(": ").next().filter(|place| !place.contains([' ', '"']));
    let (lines_of_place, is_placed) = place.and_then(|place| range_of(&lines, place)).map_or((0..lines.len(), false), |range| (range, true));
    let Some(word) = told.split('"').nth(1).filter(|word| !word.is_empty()) else {
        return is_placed.then_some(lines_of_place.start + 1);
    };
    let mut found = lines_of_place.clone().filter(|at| holds(lines[*at], word, told));
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only + 1),
        // Every assertion of an unknown type is wrong, and so is the first.
        (Some(first), Some(_)) if is_placed || is_about_a_type(told) => Some(first + 1),
        (None, _) if is_placed => Some(lines_of_place.start + 1),
        _ => None,
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or(line) }
}

fn is_about_a_type(told: &str) -> bool {
    told.contains("unknown assertion type") || told.contains("unknown check")
}

/// Whether a line has the word by itself: as the type of an assertion or as a key where the message is about one.
fn holds(line: &str, word: &str, told: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let stands_alone = !before.ends_with(is_part) && !after.starts_with(is_part);
        let before = before.trim_end_matches(['"', '\'']).trim_end();
        let before = before.strip_suffix("not-").map_or(before, str::trim_end);
        let fits = if is_about_a_type(told) {
            before.ends_with("type:") || before.ends_with("check:")
        } else if told.contains("key \"") {
            after.trim_start_matches(['"', '\'']).starts_with(':')
        } else {
            true
        };
        fits && (stands_alone || line[..at].ends_with("not-"))
    })
}

/// The lines of a place such as `gate.metrics` or `checks[3]`, as far as they can be told apart.
fn range_of(lines: &[&str], place: &str) -> Option<Range<usize>> {
    let mut range = 0..lines.len();
    for part in place.split('.').filter(|part| !part.is_empty()) {
        let (key, index) = part.split_once('[').map_or((part, None), |(key, index)| (key, index.trim_end_matches(']').parse::<usize>().ok()));
        if !key.is_empty() {
            let is_key = |at: &usize| lines[*at].trim_start().trim_start_matches("- ").strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
            let start = range.clone().find(is_key)?;
            range = start..end_of(lines, start, range.end);
        }
        if let Some(index) = index {
            range = item(lines, &range, index).unwrap_or(range);
        }
    }
    Some(range)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where the lines end that belong to the one at `start`: items may stand as far left as their key.
fn end_of(lines: &[&str], start: usize, end: usize) -> usize {
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let ends = |at: &usize| {
        let line = lines[*at];
        let is_own_item = is_item(line) && !is_item(lines[start]) && indent(line) == indent(lines[start]);
        !line.trim().is_empty() && indent(line) <= indent(lines[start]) && !is_own_item
    };
    (start + 1..end).find(ends).unwrap_or(end)
}

/// The lines of one item of a list that is written line by line.
fn item(lines: &[&str], range: &Range<usize>, index: usize) -> Option<Range<usize>> {
    let mut items = (range.start + 1..range.end).filter(|at| lines[*at].trim_start().starts_with("- ")).peekable();
    let level = indent(lines[*items.peek()?]);
    let start = items.filter(|at| indent(lines[*at]) == level).nth(index)?;
    let end = (start + 1..range.end).find(|at| !lines[*at].trim().is_empty() && indent(lines[*at]) <= level).unwrap_or(range.end);
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(told: &str, expect: Option<usize>) {
        let suite = "# contians here\n\
                     description: the column must be a good one\n\
                     dataset: a.jsonl # c\n\
                     checks:\n\
                     - {check: rouge_1, reference: r}\n\
                     - check: contains\n  value: \"{{c}}\"\n\
                     gate:\n  metrics:\n    c: {min: 1}\n\
                     tests:\n  - vars: {q: contians}\n    assert:\n      - {type: equals, value: contians}\n      - {type: not-contians, value: b}\n";
        assert_eq!(line_of(suite, told), expect, "{told}");
    }

    #[test]
    fn a_message_is_put_where_it_belongs_or_nowhere() {
        check("checks[1]: unknown column \"c\"; there is a", Some(7));
        check("checks[0]: unknown column \"r\"", Some(5));
        check("checks[1]: contains needs a thing", Some(6));
        check("gate.metrics: unknown metric \"c\"", Some(10));
        check("unknown assertion type \"contians\"; did you mean \"contains\"?", Some(15));
        check("unknown column \"c\"", None);
        check("unknown column \"nowhere\"", None);
        check("the suite is odd", None);
        check("key \"description\" means nothing", Some(2));
    }
}
