//! `regex`, in JavaScript's language.

use crate::promptfoo::asserts::{Grade, Question};

/// An ECMAScript pattern without flags: `.` and classes count UTF-16 units, `$` is the end of the text, lookbehind works.
#[derive(Debug)]
pub(crate) struct JsRegex(regress::Regex);

impl JsRegex {
    /// Compiles a pattern, or says what is wrong with it.
    pub(crate) fn new(pattern: &str, flags: &str) -> Result<Self, String> {
        regress::Regex::with_flags(pattern, flags).map(Self).map_err(|error| error.to_string())
    }

    /// Whether the pattern is found anywhere.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.0.find_ascii(text).is_some();
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        self.0.find_from_ucs2(&units, 0).next().is_some()
    }
}

/// `regex`: the pattern is found in the answer. One that is none is an ordinary fail, with `not-` too.
pub(super) fn regex(question: &Question<'_>) -> Result<Grade, String> {
    let pattern = question.text()?;
    if pattern.is_empty() {
        return Err("regex must have a text as its value".to_owned());
    }
    match JsRegex::new(pattern, "") {
        Ok(regex) => {
            let pass = regex.is_match(question.output()) != question.inverse;
            Ok(Grade::pass(pass, || format!("expected the answer {}to match {pattern}", question.not())))
        }
        Err(error) => Ok(Grade::pass(false, || format!("invalid regex: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::JsRegex;

    #[test]
    fn patterns_are_javascripts() {
        let found = |pattern: &str, text: &str| JsRegex::new(pattern, "").unwrap().is_match(text);
        assert!(JsRegex::new("(?<name", "").is_err());
        assert!(found("(?<=a)b", "ab") && !found("b$", "b\n") && found("^..$", "😀") && found(r"\d+", "a1"));
        assert!(!found("^[A-Z]", "abc"));
    }
}
