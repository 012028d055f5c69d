//! Checks that karat has by promptfoo's name alone.

use serde_json::Value;

use crate::checks::{Assertion, Context, is_own};
use crate::error::Error;
use crate::promptfoo::assertion;
use crate::spec::CheckSpec;

/// promptfoo's kinds that ask no model, as far as karat has no check of that name.
pub(crate) const NAMES: [&str; 24] = [
    "contains-html",
    "contains-sql",
    "contains-xml",
    "finish-reason",
    "is-html",
    "is-refusal",
    "is-sql",
    "is-valid-openai-tools-call",
    "is-xml",
    "javascript",
    "max-score",
    "perplexity",
    "perplexity-score",
    "python",
    "rouge-n",
    "tool-call-f1",
    "trace-error-spans",
    "trace-span-count",
    "trace-span-duration",
    "trajectory:step-count",
    "trajectory:tool-args-match",
    "trajectory:tool-sequence",
    "trajectory:tool-used",
    "word-count",
];

/// Whether a name under `checks` is promptfoo's and not karat's own.
pub(crate) fn is_borrowed(name: &str) -> bool {
    let kind = name.strip_prefix("not-").unwrap_or(name);
    !is_own(kind) && NAMES.contains(&kind)
}

/// Makes promptfoo's assertion out of a check's keys; the answer is what it looks at, `value` what it expects.
pub(crate) fn borrowed(name: &str, spec: &CheckSpec, id: String, context: &Context<'_>) -> Result<Assertion, Error> {
    let columns = [
        ("answer", &spec.answer),
        ("reference", &spec.reference),
        ("sources", &spec.sources),
        ("question", &spec.question),
        ("rubric", &spec.rubric),
        ("model", &spec.model),
        ("against", &spec.against),
        ("labels", &spec.labels),
        ("anchors", &spec.anchors),
    ];
    let named = columns.iter().find(|(_, column)| column.is_some()).map(|(key, _)| *key);
    let others = [
        ("schema", spec.schema.is_some()),
        ("max", spec.max.is_some()),
        ("k", spec.k.is_some()),
        ("arguments", spec.arguments.is_some()),
        ("absolute", spec.absolute.is_some()),
        ("relative", spec.relative.is_some()),
        ("votes", spec.votes.is_some()),
        ("models", !spec.models.is_empty()),
        ("pool", spec.pool.is_some()),
        ("weighted", spec.weighted.is_some()),
        ("assert", !spec.assert.is_empty()),
    ];
    if let Some(key) = named.or_else(|| others.iter().find(|(_, is_given)| *is_given).map(|(key, _)| *key)) {
        let what =
            format!("key {key:?} means nothing to {name}, which is promptfoo's: it looks at the answer, and at `value` with {{{{column}}}} in it");
        return Err(context.error(&what));
    }
    if !matches!(name.trim_start_matches("not-"), "javascript" | "python") {
        expect_columns(spec.value.as_ref(), context)?;
    }
    for column in spec.when.keys() {
        context.dataset.expect_column(&context.place, column)?;
    }
    Ok(assertion(&CheckSpec { kind: Some(name.to_owned()), check: None, ..spec.clone() }, id, context))
}

/// Refuses templates that name a column which no case has.
fn expect_columns(value: Option<&Value>, context: &Context<'_>) -> Result<(), Error> {
    match value {
        Some(Value::String(text)) => context.template(text).map(|_| ()),
        Some(Value::Array(items)) => items.iter().try_for_each(|item| expect_columns(Some(item), context)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_promptfoos() {
        for name in NAMES {
            assert!(crate::promptfoo::unknown_kind(name).is_none() && !is_own(name), "{name}");
        }
        assert!(is_borrowed("not-is-sql") && !is_borrowed("levenshtein") && !is_borrowed("llm-rubric"));
    }
}
