//! The answer overlaps with the reference.

use measure::text::bleu::nltk_method1;
use measure::text::{
    Stemming, chrf, gleu, hamming_similarity, jaro, jaro_winkler, levenshtein_similarity, rouge_l, rouge_l_sum, rouge_n, sentence_bleu, ter,
};

use crate::checks::{Scale, Subject, Verdict};
use crate::spec::Better;

/// A measure of overlap, 0 to 1; the best over the references counts. TER is one of edits, 0 for none and above 1 for many: the least counts.
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
    BleuMethod1,
    Chrf,
    Ter,
    Gleu,
    Levenshtein,
    Jaro,
    JaroWinkler,
    Hamming,
}

impl Measure {
    /// Every measure, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Measure); 13] = [
        ("rouge_1", Measure::Rouge1),
        ("rouge_2", Measure::Rouge2),
        ("rouge_l", Measure::RougeL),
        ("rouge_lsum", Measure::RougeLsum),
        ("bleu", Measure::Bleu),
        ("bleu_method1", Measure::BleuMethod1),
        ("chrf", Measure::Chrf),
        ("ter", Measure::Ter),
        ("gleu", Measure::Gleu),
        ("levenshtein", Measure::Levenshtein),
        ("jaro", Measure::Jaro),
        ("jaro_winkler", Measure::JaroWinkler),
        ("hamming", Measure::Hamming),
    ];

    /// TER counts what has to be edited.
    pub(crate) fn better(self) -> Better {
        if self == Measure::Ter { Better::Lower } else { Better::Higher }
    }

    /// TER has no greatest value; all else is a share.
    pub(crate) fn scale(self) -> Scale {
        if self == Measure::Ter { Scale::Unbounded } else { Scale::Score }
    }

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
            Measure::BleuMethod1 => nltk_method1(answer, &[reference]),
            Measure::Ter => ter(answer, &[reference]) / 100.0,
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
            Measure::BleuMethod1 => "nltk bleu tok:space smooth:method1 n:1-4".to_owned(),
            Measure::Ter => format!("{} /100", measure::text::ter::SIGNATURE),
            Measure::Chrf => format!("{} /100", measure::text::chrf::SIGNATURE),
            Measure::Gleu => "gleu n:1-4 tok:space".to_owned(),
            Measure::Levenshtein | Measure::Jaro | Measure::JaroWinkler | Measure::Hamming => format!("{:?} characters", self.measure).to_lowercase(),
        }
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to compare") };
        let scores = subject.texts(&self.reference).into_iter().map(|reference| self.measure.of(&answer, &reference));
        let best = if self.measure.better() == Better::Lower { scores.min_by(f64::total_cmp) } else { scores.max_by(f64::total_cmp) };
        best.map_or_else(|| Verdict::not_applicable("no reference"), |score| Verdict::value(score, String::new()))
    }
}
