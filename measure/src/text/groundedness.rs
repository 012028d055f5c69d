//! Groundedness without a judge: how much of an answer its sources carry.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::text::quantities::Quantities;
use crate::text::sentences::sentences;
use crate::text::words::content_words;

/// The rule's version; it changes when a score could change.
pub const VERSION: &str = "lexical-1";

/// Share of a claim's content words that a window must hold.
pub const SUPPORT_MIN: f64 = 0.6;

/// Sentences in the longest window.
pub const WINDOW_MAX: usize = 3;

/// One claim of an answer, and how well the sources carry it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The sentence, as the answer has it.
    pub text: String,
    /// The largest share of its content words in any window of the sources, `0.0..=1.0`.
    pub support: f64,
    /// Whether a window holds enough of the words and every number, date and quoted span.
    pub supported: bool,
    /// Numbers, dates and quoted spans that the best window does not hold.
    pub missing: Vec<String>,
}

/// The claims of an answer with their support.
#[derive(Debug, Clone, PartialEq)]
pub struct Groundedness {
    /// The claims, in the answer's order.
    pub claims: Vec<Claim>,
}

impl Groundedness {
    /// Returns supported claims over claims, `0.0..=1.0`.
    pub fn score(&self) -> f64 {
        self.n_supported() as f64 / self.claims.len() as f64
    }

    /// Returns how many claims are supported.
    pub fn n_supported(&self) -> usize {
        self.claims.iter().filter(|claim| claim.supported).count()
    }

    /// Returns the claims that are not.
    pub fn unsupported(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| !claim.supported)
    }
}

/// How much of an answer its sources carry, by words alone; `None` where the answer claims nothing or there is no source.
///
/// Claims are the answer's sentences without greetings and questions. A claim's support is the largest share of its content
/// words (lower-cased, stemmed, without stop words) found in any window of one to three consecutive sentences of one source. It is
/// supported where that window holds at least 0.6 of them **and** every number, date and quoted span of the claim. Of windows
/// that hold the same words the shortest counts, so that a number two sentences on does not lend itself to the claim.
/// The score is supported over all claims. English stop words and stems; other languages are compared word by word.
/// An own rule in the spirit of RAGAS' faithfulness (Es et al., 2023): it sees invented facts, not wrong reasoning.
pub fn groundedness<S: AsRef<str>>(answer: &str, sources: &[S]) -> Option<Groundedness> {
    let claims: Vec<(&str, Vec<String>)> = sentences(answer)
        .into_iter()
        .filter(|s| is_claim(s))
        .map(|s| (s, content_words(&without_citations(s))))
        .filter(|(_, words)| !words.is_empty())
        .collect();
    let sources: Vec<Source> = sources.iter().map(|source| Source::new(source.as_ref())).filter(|source| !source.sentences.is_empty()).collect();
    if claims.is_empty() || sources.is_empty() {
        return None;
    }
    Some(Groundedness { claims: claims.into_iter().map(|(text, words)| judge(text, &words, &sources)).collect() })
}

/// The texts that a claim may rest on: one to three consecutive sentences of one source.
pub fn windows<S: AsRef<str>>(sources: &[S]) -> Vec<String> {
    let of_source = |source: &S| {
        let sentences = sentences(source.as_ref());
        let starts = (0..sentences.len()).flat_map(|start| (1..=WINDOW_MAX).map(move |length| start..start + length));
        starts.filter_map(|range| sentences.get(range)).map(|window| window.join(" ")).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_source).collect()
}

/// Numbers, dates and quoted spans of a claim that a text does not hold.
pub fn missing_in(claim: &str, text: &str) -> Vec<String> {
    let mut held = Quantities::default();
    sentences(text).into_iter().for_each(|sentence| held.extend(&Quantities::of(sentence)));
    Quantities::of(&without_citations(claim)).missing_from(&held, text)
}

/// A source, cut into sentences with their words and exact statements.
struct Source<'a> {
    sentences: Vec<(&'a str, HashSet<String>, Quantities)>,
}

impl<'a> Source<'a> {
    fn new(text: &'a str) -> Self {
        let parts = |sentence: &'a str| (sentence, content_words(sentence).into_iter().collect(), Quantities::of(sentence));
        Self { sentences: sentences(text).into_iter().map(parts).collect() }
    }
}

fn judge(text: &str, words: &[String], sources: &[Source<'_>]) -> Claim {
    let stated = Quantities::of(&without_citations(text));
    let (numbers, plain): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let mut best: Option<(Rank, Claim)> = None;
    for source in sources {
        for start in 0..source.sentences.len() {
            for window in (1..=WINDOW_MAX).filter_map(|length| source.sentences.get(start..start + length)) {
                let held = |words: &[&String]| words.iter().filter(|word| window.iter().any(|(_, held, _)| held.contains(word.as_str()))).count();
                let (n_plain, length) = (held(&plain), Reverse(window.len()));
                // The exact statements are dear to check, and most windows are about something else.
                if best.as_ref().is_some_and(|(rank, _)| (n_plain, length) < (rank.0, rank.1)) {
                    continue;
                }
                let missing = missing_from(&stated, window);
                let rank = (n_plain, length, Reverse(missing.len()));
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    let support = (n_plain + held(&numbers)) as f64 / words.len() as f64;
                    let supported = support >= SUPPORT_MIN && missing.is_empty();
                    best = Some((rank, Claim { text: text.to_owned(), support, supported, missing }));
                }
            }
        }
    }
    let nothing = || Claim { text: text.to_owned(), support: 0.0, supported: false, missing: Vec::new() };
    best.map_or_else(nothing, |(_, claim)| claim)
}

/// Which window counts: the one with the most words, then the shortest, then the one that lacks least.
type Rank = (usize, Reverse<usize>, Reverse<usize>);

fn missing_from(stated: &Quantities, window: &[(&str, HashSet<String>, Quantities)]) -> Vec<String> {
    let mut source = Quantities::default();
    window.iter().for_each(|(_, _, quantities)| source.extend(quantities));
    let text: Vec<&str> = window.iter().map(|(text, _, _)| *text).collect();
    stated.missing_from(&source, &text.join(" "))
}

/// Cuts out citation marks such as `[1]`, `[kb-12]` or `[2, 5]`: their numbers name a source, they state nothing.
fn without_citations(sentence: &str) -> String {
    let mut kept = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some(start) = rest.find('[') {
        let inner = &rest[start + 1..];
        let end = inner.find(']').filter(|end| *end <= 24);
        let is_mark =
            |mark: &str| mark.contains(|c: char| c.is_ascii_digit()) && mark.chars().all(|c| c.is_ascii_alphanumeric() || "-_:#^,; ".contains(c));
        match end {
            Some(end) if is_mark(&inner[..end]) && !inner[end + 1..].starts_with('(') => {
                kept.push_str(&rest[..start]);
                rest = &inner[end + 1..];
            }
            _ => {
                kept.push_str(&rest[..=start]);
                rest = inner;
            }
        }
    }
    kept + rest
}

/// Whether a sentence states something: questions, greetings and good wishes do not.
fn is_claim(sentence: &str) -> bool {
    const WISHES: [&str; 30] = [
        "hello",
        "hi ",
        "hi,",
        "hi!",
        "hey",
        "dear ",
        "good morning",
        "good afternoon",
        "good evening",
        "thank you",
        "thanks",
        "welcome",
        "you're welcome",
        "great question",
        "good question",
        "sure",
        "of course",
        "certainly",
        "absolutely",
        "i hope this helps",
        "hope this helps",
        "hope that helps",
        "let me know",
        "please let me know",
        "feel free",
        "happy to help",
        "i'm happy to help",
        "is there anything else",
        "best regards",
        "kind regards",
    ];
    if sentence.trim_end_matches(['"', '\'', ')', '”']).ends_with(['?', '？']) {
        return false;
    }
    let lower = sentence.to_lowercase().replace('’', "'");
    // A long sentence that begins with a greeting goes on to say something, as does one with a colon.
    let wish = WISHES.iter().any(|wish| lower.starts_with(wish)) || matches!(lower.trim_end_matches(['.', '!', ',']), "hi" | "yes" | "no");
    !(wish && lower.split_whitespace().count() <= 12 && !lower.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "Invoices are exported every Monday at 06:00 UTC. The export holds the last 30 days. \
        Owners can download it under \"Billing exports\".\nDeleted workspaces are kept for 14 days. Refunds take 5 to 10 business days.";

    #[track_caller]
    fn check(answer: &str, expect: Option<f64>) {
        let found = groundedness(answer, &[SOURCE]).map(|found| found.score());
        assert_eq!(found, expect, "{:?}", groundedness(answer, &[SOURCE]));
    }

    #[test]
    fn what_the_source_says_is_supported() {
        check("Invoice exports run every Monday at 06:00 UTC.", Some(1.0));
        check("Hello! Refunds take 5 to 10 business days. Does that help?", Some(1.0));
        check("An owner downloads the exported invoices of the last 30 days under \"Billing exports\".", Some(1.0));
    }

    #[test]
    fn a_wrong_number_is_not() {
        check("Deleted workspaces are kept for 30 days.", Some(0.0));
        check("Deleted workspaces are kept for fourteen-ish, 14 days. Refunds take 20 business days.", Some(0.5));
    }

    #[test]
    fn citations_are_no_statements() {
        check("Refunds take 5 to 10 business days [kb-42].", Some(1.0));
        check("Refunds take 5 to 10 business days [see 42](http://x).", Some(0.0));
    }

    #[test]
    fn an_invented_fact_is_not() {
        check("Workspaces can be moved between regions by the support team.", Some(0.0));
        check("Owners download it under \"Account archive\".", Some(0.0));
    }

    #[test]
    fn nothing_to_judge_is_not_applicable() {
        check("Hi! How can I help you today?", None);
        check("", None);
        assert_eq!(groundedness("Refunds take 5 days.", &[] as &[&str]), None);
        assert_eq!(groundedness("Refunds take 5 days.", &["  "]), None);
    }

    /// Words of one claim that are scattered over a source are no support: a window is three sentences at most.
    #[test]
    fn scattered_words_do_not_add_up() {
        let scattered = "Alpha stays here. One. Two. Three. Four. Beta stays there. One. Two. Three. Gamma ends it.";
        assert_eq!(groundedness("Alpha beta gamma.", &[scattered]).unwrap().score(), 0.0);
    }
}
