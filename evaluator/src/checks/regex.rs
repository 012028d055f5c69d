//! The answer matches a pattern.

use std::sync::OnceLock;

use crate::checks::{Subject, Verdict};
use crate::template::Template;

/// `regex`: the pattern is found in the answer.
#[derive(Debug, Clone)]
pub(crate) struct Regex {
    answer: String,
    pattern: Template,
    /// The pattern, where no variable stands in it; compiled once.
    fixed: OnceLock<Result<regex::Regex, String>>,
}

impl Regex {
    pub(crate) fn new(answer: String, pattern: Template) -> Self {
        Self { answer, pattern, fixed: OnceLock::new() }
    }

    /// A pattern that is none is an ordinary fail, as in promptfoo.
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to search") };
        let known = |name: &str| subject.vars.get(name).is_some_and(|value| !value.is_null());
        if !self.pattern.variables().all(known) {
            return Verdict::not_applicable("no pattern for this case");
        }
        let compile = || self.pattern.render(subject.vars).and_then(|pattern| regex::Regex::new(&pattern).map_err(|error| error.to_string()));
        let own;
        let compiled = if self.pattern.variables().next().is_none() {
            self.fixed.get_or_init(compile)
        } else {
            own = compile();
            &own
        };
        match compiled {
            Ok(pattern) => Verdict::pass(pattern.is_match(&answer), || format!("does not match {}", pattern.as_str())),
            Err(error) => Verdict::pass(false, || format!("invalid regex: {}", error.lines().last().unwrap_or_default())),
        }
    }
}
