//! `equals` and `starts-with`.

use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::{Grade, Question};

/// `equals`: the same text, or for an object the same parsed JSON.
pub(super) fn equals(question: &Question<'_>) -> Result<Grade, String> {
    let pass = match question.value {
        Some(value @ (Value::Object(_) | Value::Array(_) | Value::Null)) => match serde_json::from_str::<Value>(question.output()) {
            Ok(found) => js::same(value, &found) != question.inverse,
            Err(_) => question.inverse,
        },
        Some(scalar) => (js::text(scalar) == question.output()) != question.inverse,
        None => return Err("equals has no value to compare with".to_owned()),
    };
    let wanted = question.value.map(js::json).unwrap_or_default();
    Ok(Grade::pass(pass, || format!("expected the answer {}to equal {wanted}", question.not())))
}

/// `starts-with`: the answer begins with the text.
pub(super) fn starts_with(question: &Question<'_>) -> Result<Grade, String> {
    let wanted = question.text()?;
    if wanted.is_empty() {
        return Err("starts-with must have a text as its value".to_owned());
    }
    let pass = question.output().starts_with(wanted) != question.inverse;
    Ok(Grade::pass(pass, || format!("expected the answer {}to start with {wanted:?}", question.not())))
}
