//! The answer is the right number.

use measure::text::numeric::{final_number, is_close};

use crate::checks::{Subject, Verdict};

/// `numeric`: the number that the answer ends with is the reference's, within a tolerance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numeric {
    pub answer: String,
    pub reference: String,
    pub absolute: f64,
    pub relative: f64,
}

impl Numeric {
    pub(crate) fn signature(&self) -> String {
        format!("numeric last or after ####, no dates, absolute {} relative {}", self.absolute, self.relative)
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to read") };
        let wanted: Vec<f64> = subject.texts(&self.reference).iter().filter_map(|text| final_number(text)).collect();
        if wanted.is_empty() {
            return Verdict::not_applicable("the reference holds no number");
        }
        let found = final_number(&answer);
        let right = found.is_some_and(|found| wanted.iter().any(|wanted| is_close(found, *wanted, self.absolute, self.relative)));
        Verdict::pass(right, || found.map_or_else(|| "the answer holds no number".to_owned(), |found| format!("{found}, not {}", wanted[0])))
    }
}
