//! `karat eval validate`: everything that is wrong with a suite, without asking anybody.

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
        Check::Promptfoo(assert) => unknown_kind(&assertion.name).or_else(|| assert.fault().map(|fault| format!("{}: {fault}", assertion.name))),
        _ => None,
    });
    of_test.chain(of_checks).collect()
}

/// Puts file and line before a message: those that it names, else the line that holds what it quotes first.
fn with_line(path: &Path, message: &str) -> Result<String, Error> {
    let shown = path.display().to_string();
    let told = message.strip_prefix(&format!("{shown}: ")).unwrap_or(message);
    if let Some((before, after)) = told.rsplit_once(" at line ") {
        let line: String = after.chars().take_while(char::is_ascii_digit).collect();
        return Ok(format!("{shown}:{line}: {before}"));
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let quoted = told.split('"').nth(1).filter(|quoted| !quoted.is_empty());
    let line = quoted.and_then(|quoted| text.lines().position(|line| line.contains(quoted)));
    Ok(line.map_or_else(|| format!("{shown}: {told}"), |line| format!("{shown}:{}: {told}", line + 1)))
}
