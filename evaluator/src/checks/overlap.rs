//! The answer overlaps with the reference.

use measure::text::{
    Stemming, chrf, gleu, hamming_similarity, jaro, jaro_winkler, levenshtein_similarity, rouge_l, rouge_l_sum, rouge_n, sentence_bleu,
};

use crate::checks::{Subject, Verdict};

/// A measure of overlap, 0 to 1; the best over the references counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Overlap {
    pub measure: Measure,
    pub answer: String,
    pub reference: String,
}

/// How overlap is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Rouge1,
    Rouge2,
    RougeL,
    RougeLsum,
    Bleu,
    Chrf,
    Gleu,
    Levenshtein,
    Jaro,
    JaroWinkler,
    Hamming,
}

impl Measure {
    /// Every measure, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Measure); 11] = [
        ("rouge_1", Measure::Rouge1),
        ("rouge_2", Measure::Rouge2),
        ("rouge_l", Measure::RougeL),
        ("rouge_lsum", Measure::RougeLsum),
        ("bleu", Measure::Bleu),
        ("chrf", Measure::Chrf),
        ("gleu", Measure::Gleu),
        ("levenshtein", Measure::Levenshtein),
        ("jaro", Measure::Jaro),
        ("jaro_winkler", Measure::JaroWinkler),
        ("hamming", Measure::Hamming),
    ];

    /// The measure that a suite names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
    }

    fn of(self, answer: &str, reference: &str) -> f64 {
        const STEM: Stemming = Stemming::Porter;
        match self {
            Measure::Rouge1 => rouge_n(answer, reference, 1, STEM).f1,
            Measure::Rouge2 => rouge_n(answer, reference, 2, STEM).f1,
            Measure::RougeL => rouge_l(answer, reference, STEM).f1,
            Measure::RougeLsum => rouge_l_sum(answer, reference, STEM).f1,
            Measure::Bleu => sentence_bleu(answer, &[reference]) / 100.0,
            Measure::Chrf => chrf(answer, &[reference]) / 100.0,
            Measure::Gleu => gleu(answer, &[reference]),
            Measure::Levenshtein => levenshtein_similarity(answer, reference),
            Measure::Jaro => jaro(answer, reference),
            Measure::JaroWinkler => jaro_winkler(answer, reference),
            Measure::Hamming => hamming_similarity(answer, reference),
        }
    }
}

impl Overlap {
    pub(crate) fn signature(&self) -> String {
        match self.measure {
            Measure::Rouge1 | Measure::Rouge2 | Measure::RougeL => "f1 tok:[a-z0-9]+ stem:nltk-porter".to_owned(),
            Measure::RougeLsum => "rougeLsum f1 tok:[a-z0-9]+ stem:nltk-porter split:newline".to_owned(),
            Measure::Bleu => format!("{} /100", measure::text::bleu::SIGNATURE),
            Measure::Chrf => format!("{} /100", measure::text::chrf::SIGNATURE),
            Measure::Gleu => "gleu n:1-4 tok:space".to_owned(),
            Measure::Levenshtein | Measure::Jaro | Measure::JaroWinkler | Measure::Hamming => format!("{:?} characters", self.measure).to_lowercase(),
        }
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to compare") };
        let scores = subject.texts(&self.reference).into_iter().map(|reference| self.measure.of(&answer, &reference));
        scores.max_by(f64::total_cmp).map_or_else(|| Verdict::not_applicable("no reference"), |score| Verdict::value(score, String::new()))
    }
}
