//! A rubric: what a judge looks for, and which verdicts it can give.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::keys::explain;

/// A rubric, read out of a text file.
///
/// The file is the text for the judge. Between two lines `---` at its head may stand the verdicts and what each is worth, such as
/// `verdicts: {relevant: 1, partly: 0.5, irrelevant: 0, cannot_tell: null}`; null is a judge that abstains. Without them the verdicts are `yes` and `no`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rubric {
    /// What the judge is told.
    pub text: String,
    /// Each verdict with its value, best first; no value is an abstention.
    pub verdicts: Vec<(String, Option<f64>)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    verdicts: BTreeMap<String, Option<f64>>,
}

impl Rubric {
    /// Reads a rubric file's text.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let text = text.replace("\r\n", "\n");
        let (head, body) = match text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) {
            Some((head, body)) => (Some(head), body),
            None => (None, text.as_str()),
        };
        let verdicts = match head {
            Some(head) => serde_yaml_ng::from_str::<Head>(head).map_err(|error| Error::config(format!("{file}: {}", explain(&error))))?.verdicts,
            None => BTreeMap::from([("yes".to_owned(), Some(1.0)), ("no".to_owned(), Some(0.0))]),
        };
        let mut verdicts: Vec<(String, Option<f64>)> = verdicts.into_iter().collect();
        verdicts.sort_by(|a, b| b.1.unwrap_or(-1.0).total_cmp(&a.1.unwrap_or(-1.0)));
        let values: Vec<f64> = verdicts.iter().filter_map(|(_, value)| *value).collect();
        if values.len() < 2 || values.iter().any(|value| !(0.0..=1.0).contains(value)) {
            return Err(Error::config(format!("{file}: a rubric needs two verdicts at least, each worth a number from 0 to 1 (or null to abstain)")));
        }
        if body.trim().is_empty() {
            return Err(Error::config(format!("{file}: the rubric's text is missing")));
        }
        Ok(Self { text: body.trim().to_owned(), verdicts })
    }

    /// The rubric of a judge who is handed a criterion with every answer.
    pub(crate) fn of_criteria() -> Self {
        let text = "Does the answer meet the criterion between the tags <criterion>? The criterion is what the owner of the test asks of the answer: \
                    hold the answer against all of it, and against nothing else.\n\n\
                    pass: the answer meets the criterion\n\
                    fail: it does not, or in part only";
        Self { text: text.to_owned(), verdicts: vec![("pass".to_owned(), Some(1.0)), ("fail".to_owned(), Some(0.0))] }
    }

    /// The JSON schema of an answer: the verdict first, for a reason that is written first talks the judge into it.
    pub(crate) fn schema(&self) -> Result<Box<RawValue>, serde_json::Error> {
        let names = serde_json::to_string(&self.names())?;
        RawValue::from_string(format!(
            r#"{{"type":"object","properties":{{"verdict":{{"type":"string","enum":{names}}},"reason":{{"type":"string"}}}},"required":["verdict","reason"],"additionalProperties":false}}"#
        ))
    }

    /// Finds a verdict by its name, however it is capitalised.
    pub(crate) fn find(&self, name: &str) -> Option<&(String, Option<f64>)> {
        self.verdicts.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()))
    }

    /// The names of the verdicts.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.verdicts.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What the verdicts are worth, in the order of their names.
    pub(crate) fn values(&self) -> Vec<Option<f64>> {
        self.verdicts.iter().map(|(_, value)| *value).collect()
    }

    /// What one verdict is worth.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.find(name).and_then(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_stand_at_the_head() {
        let rubric = Rubric::parse("r.txt", "---\nverdicts: {bad: 0, good: 1, unclear: null}\n---\nIs it good?\n").unwrap();
        assert_eq!(rubric.text, "Is it good?");
        assert_eq!(rubric.verdicts, [("good".to_owned(), Some(1.0)), ("bad".to_owned(), Some(0.0)), ("unclear".to_owned(), None)]);
        assert!(rubric.schema().unwrap().get().contains(r#""enum":["good","bad","unclear"]"#));
        assert_eq!(rubric.find(" GOOD "), Some(&("good".to_owned(), Some(1.0))));
    }

    #[test]
    fn a_plain_text_asks_yes_or_no() {
        assert_eq!(Rubric::parse("r.txt", "Is it good?").unwrap().verdicts[0], ("yes".to_owned(), Some(1.0)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |text| Rubric::parse("r.txt", text).unwrap_err().to_string();
        assert!(refused("---\nverdict: {a: 1}\n---\nx").contains("did you mean \"verdicts\"?"));
        assert!(refused("---\nverdicts: {a: 1}\n---\nx").contains("two verdicts"));
        assert!(refused("---\nverdicts: {a: 1, b: 5}\n---\nx").contains("from 0 to 1"));
        assert!(refused("---\nverdicts: {a: 1, b: 0}\n---\n \n").contains("text is missing"));
    }

    /// The shipped rubrics are whole, and their verdicts begin differently, so that a first token tells which one it is.
    #[test]
    fn shipped_rubrics_can_be_weighed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rubrics");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut n_rubrics = 0;
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "txt")) {
            let rubric = Rubric::parse(&file.display().to_string(), &std::fs::read_to_string(&file).unwrap()).unwrap();
            let mut begins: Vec<String> = rubric.names().iter().map(|name| name.chars().take(3).collect()).collect();
            begins.sort_unstable();
            begins.dedup();
            assert_eq!(begins.len(), rubric.verdicts.len(), "{}", file.display());
            let stands_in_text = rubric.names().iter().all(|name| rubric.text.contains(&format!("{name}:")));
            assert!(stands_in_text || rubric.names() == ["yes", "no"], "{}: every verdict is explained", file.display());
            n_rubrics += 1;
        }
        assert!(n_rubrics >= 6);
    }
}
