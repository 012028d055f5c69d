//! The answer shares its tokens with the reference.

use crate::checks::{Subject, Verdict};

/// `token_f1`: SQuAD's token F1, the best over the references.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TokenF1 {
    pub answer: String,
    pub reference: String,
}

impl TokenF1 {
    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to compare") };
        let best =
            subject.texts(&self.reference).iter().map(|reference| measure::text::token_f1(&answer, reference)).max_by(|a, b| a.f1.total_cmp(&b.f1));
        match best {
            Some(best) => Verdict::value(best.f1, format!("precision {:.3}, recall {:.3}", best.precision, best.recall)),
            None => Verdict::not_applicable("no reference"),
        }
    }
}
