//! An answer taken apart: what it claims, and which of it the sources carry.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use futures::future::{join, join_all};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::Completion;
use crate::checks::Verdict;
use crate::error::Error;
use crate::judge::ask::{Attempt, hear, object_with};
use crate::judge::prompt::{GUARD, Material, documents, tagged};
use crate::judge::spans::stands_in;
use crate::judge::{Asked, Call, Judge, Note, Question};

/// Claims that one question asks about; more of them and a judge begins to skip.
const BATCH: usize = 10;
/// Claims of an answer that are looked at.
const CLAIMS_MAX: usize = 100;

const SPLIT: &str = "You take an answer apart into its claims: single statements that are true or false, each understandable by itself, in the \
                     answer's order. Greetings, questions, opinions about the reader and remarks on the conversation are no claims.";
const SPLIT_FORM: &str = "Answer with one JSON object and nothing else: {\"claims\": [{\"id\": 1, \"text\": the claim, \"src_span\": the words of \
                          the answer that make it, copied exactly}]}. An answer without claims has an empty list.";
const SPLIT_SCHEMA: &str = r#"{"type":"object","properties":{"claims":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"},"text":{"type":"string"},"src_span":{"type":"string"}},"required":["id","text","src_span"],"additionalProperties":false}}},"required":["claims"],"additionalProperties":false}"#;

const VERIFY: &str = "You check claims against numbered documents and nothing else: what you know yourself does not count.\n\n\
                      supported: the documents say it, in these or other words.\n\
                      contradicted: the documents say otherwise.\n\
                      not_in_context: the documents neither say it nor the opposite.\n\
                      unable: the claim cannot be understood.";
const VERIFY_FORM: &str = "Answer with one JSON object and nothing else: {\"verdicts\": [{\"id\": of the claim, \"verdict\": one of supported | \
                           contradicted | not_in_context | unable, \"chunk_ids\": [numbers of the documents that decide it], \"quote\": the words \
                           of one of them that decide it, copied exactly, or an empty text}]}. Every claim gets one verdict.";
const VERIFY_SCHEMA: &str = r#"{"type":"object","properties":{"verdicts":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"},"verdict":{"type":"string","enum":["supported","contradicted","not_in_context","unable"]},"chunk_ids":{"type":"array","items":{"type":"integer"}},"quote":{"type":"string"}},"required":["id","verdict","chunk_ids","quote"],"additionalProperties":false}}},"required":["verdicts"],"additionalProperties":false}"#;

/// What the claims are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judging {
    /// The documents: the share of the claims that they carry.
    Groundedness,
    /// The reference, both ways: F1 of the claims that it carries and of its own claims that the answer carries.
    Correctness,
}

/// A judge who checks claim by claim.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    pub judge: Arc<dyn Judge>,
    pub judging: Judging,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stand {
    Supported,
    Contradicted,
    NotInContext,
    Unable,
}

/// The claims of a text that sources were held against.
#[derive(Debug, Default)]
struct Tally {
    n_supported: usize,
    n_contradicted: usize,
    n_missing: usize,
    n_unable: usize,
    n_misquoted: usize,
    /// The first claims that the sources do not carry.
    open: Vec<String>,
}

/// A tally, or why there is none; with the calls that it took.
type Tallied = (Result<Tally, String>, Vec<Call>);

impl Claims {
    /// The prompts, which the score depends on.
    pub(crate) fn system() -> String {
        [SPLIT, SPLIT_FORM, VERIFY, VERIFY_FORM, GUARD].join("\n")
    }

    pub(crate) async fn check(&self, material: &Material) -> Result<Asked, Error> {
        match self.judging {
            Judging::Groundedness => Ok(self.grounded(material).await),
            Judging::Correctness => Ok(self.correct(material).await),
        }
    }

    async fn grounded(&self, material: &Material) -> Asked {
        if material.documents.iter().all(|document| document.trim().is_empty()) {
            return Asked { verdict: Verdict::not_applicable("no sources"), calls: Vec::new(), note: Note::default() };
        }
        let (tally, calls) = self.tally(&material.answer, &material.documents).await;
        let tally = match tally {
            Ok(tally) => tally,
            Err(why) => return Asked::failed(why, calls),
        };
        let note = tally.note();
        let verdict = match (tally.decided(), tally.n_unable) {
            (0, 0) => Verdict::not_applicable("the answer claims nothing"),
            (0, n) => Verdict::failed(format!("the judge could decide none of {n} claims")),
            (decided, n) if n > decided => Verdict::failed(tally.undecided().unwrap_or_default()),
            (decided, _) => Verdict::value(tally.n_supported as f64 / decided as f64, tally.reason("not in the sources")),
        };
        Asked { verdict, calls, note }
    }

    async fn correct(&self, material: &Material) -> Asked {
        let Some(reference) = material.reference.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Asked { verdict: Verdict::not_applicable("no reference"), calls: Vec::new(), note: Note::default() };
        };
        let (reference, answer) = ([reference.to_owned()], [material.answer.clone()]);
        let (said, wanted) = join(self.tally(&material.answer, &reference), self.tally(&reference[0], &answer)).await;
        let mut calls = said.1;
        calls.extend(wanted.1);
        let (said, wanted) = match (said.0, wanted.0) {
            (Ok(said), Ok(wanted)) => (said, wanted),
            (Err(why), _) | (_, Err(why)) => return Asked::failed(why, calls),
        };
        let share = |tally: &Tally| tally.n_supported as f64 / tally.decided().max(1) as f64;
        let (precision, recall) = (share(&said), share(&wanted));
        let note = said.note();
        let verdict = match (said.decided(), wanted.decided()) {
            (_, 0) if wanted.n_unable == 0 => Verdict::not_applicable("the reference claims nothing"),
            (_, 0) => Verdict::failed("the judge could decide none of the reference's claims"),
            (0, _) if said.n_unable > 0 => Verdict::failed("the judge could decide none of the answer's claims"),
            (decided, _) if said.n_unable > decided => Verdict::failed(format!("of the answer: {}", said.undecided().unwrap_or_default())),
            (_, decided) if wanted.n_unable > decided => Verdict::failed(format!("of the reference: {}", wanted.undecided().unwrap_or_default())),
            _ if precision + recall == 0.0 => Verdict::value(0.0, joined([said.undecided(), Some(wanted.reason("missing"))])),
            _ => {
                let reason = joined([Some(said.reason("not in the reference")), Some(wanted.reason("missing"))]);
                Verdict::value(2.0 * precision * recall / (precision + recall), reason)
            }
        };
        Asked { verdict, calls, note }
    }

    /// Takes a text apart, and holds its claims against the sources.
    async fn tally(&self, text: &str, sources: &[String]) -> Tallied {
        let (split, mut calls) = self.split(text).await;
        let (claims, n_misquoted) = match split {
            Ok(split) => split,
            Err(why) => return (Err(why), calls),
        };
        let mut tally = Tally { n_misquoted, ..Tally::default() };
        for (verdicts, more) in join_all(claims.chunks(BATCH).map(|claims| self.verify(claims, sources))).await {
            calls.extend(more);
            match verdicts {
                Ok(verdicts) => tally.add(verdicts),
                Err(why) => return (Err(why), calls),
            }
        }
        (Ok(tally), calls)
    }

    /// The claims of a text; those whose words do not stand in it were made up by the judge, and are dropped and counted.
    async fn split(&self, text: &str) -> (Result<(Vec<String>, usize), String>, Vec<Call>) {
        if text.trim().is_empty() {
            return (Ok((Vec::new(), 0)), Vec::new());
        }
        let question = match question(SPLIT, SPLIT_FORM, SPLIT_SCHEMA, tagged("answer", text)) {
            Ok(question) => question,
            Err(why) => return (Err(why), Vec::new()),
        };
        hear(self.judge.as_ref(), &question, 0, |completion, _| read_split(completion, text)).await
    }

    async fn verify(&self, claims: &[String], sources: &[String]) -> (Result<Verified, String>, Vec<Call>) {
        let mut user = documents(sources);
        for (index, claim) in claims.iter().enumerate() {
            // Writing to a String does not fail.
            let _ = writeln!(user, "{}", tagged(&format!("claim-{}", index + 1), claim));
        }
        match question(VERIFY, VERIFY_FORM, VERIFY_SCHEMA, user) {
            Ok(question) => hear(self.judge.as_ref(), &question, 0, |completion, attempt| read_verdicts(completion, attempt, claims, sources)).await,
            Err(why) => (Err(why), Vec::new()),
        }
    }
}

fn question(task: &str, form: &str, schema: &str, user: String) -> Result<Question, String> {
    let schema = RawValue::from_string(schema.to_owned()).map_err(|error| error.to_string())?;
    Ok(Question { system: format!("{task}\n\n{GUARD}\n\n{form}"), user, schema: Arc::from(schema), seed: 0, logprobs: false })
}

fn read_split(completion: &Completion, text: &str) -> Result<(Vec<String>, usize), String> {
    #[derive(Deserialize)]
    struct Split {
        claims: Vec<Claim>,
    }
    #[derive(Deserialize)]
    struct Claim {
        text: String,
        src_span: String,
    }
    let split: Split = read(completion, "claims")?;
    let n_claims = split.claims.len().min(CLAIMS_MAX);
    let claims: Vec<String> =
        split.claims.into_iter().take(CLAIMS_MAX).filter(|claim| stands_in(&claim.src_span, text)).map(|claim| claim.text).collect();
    let n_misquoted = n_claims - claims.len();
    if claims.is_empty() && n_misquoted > 0 {
        return Err(format!("none of the {n_misquoted} claims that the judge found stands in the answer"));
    }
    Ok((claims, n_misquoted))
}

/// Each claim with where it stands, and the quotes that stand nowhere.
type Verified = (Vec<(String, Stand)>, usize);

/// Reads one verdict a claim. Missing and doubled ones are asked for again, and then the judge was unable; so it was where its quote does not
/// stand in the document that it names.
fn read_verdicts(completion: &Completion, attempt: Attempt, claims: &[String], sources: &[String]) -> Result<Verified, String> {
    #[derive(Deserialize)]
    struct Verdicts {
        verdicts: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        id: usize,
        verdict: Stand,
        #[serde(default)]
        chunk_ids: Vec<usize>,
        #[serde(default)]
        quote: String,
    }
    let found: Verdicts = read(completion, "verdicts")?;
    let mut by_id: BTreeMap<usize, Vec<One>> = BTreeMap::new();
    for one in found.verdicts {
        by_id.entry(one.id).or_default().push(one);
    }
    let mut n_misquoted = 0;
    let mut stands = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let stand = match by_id.remove(&(index + 1)).as_deref() {
            Some([one]) if matches!(one.verdict, Stand::Supported | Stand::Contradicted) => {
                let cited = one.chunk_ids.iter().filter_map(|id| sources.get(id.checked_sub(1)?));
                let is_quoted = cited.into_iter().any(|source| stands_in(&one.quote, source));
                n_misquoted += usize::from(!is_quoted);
                if is_quoted { one.verdict } else { Stand::Unable }
            }
            Some([one]) => one.verdict,
            _ if attempt == Attempt::First => return Err(format!("the judge's answer has no single verdict on claim {}", index + 1)),
            _ => Stand::Unable,
        };
        stands.push((claim.clone(), stand));
    }
    Ok((stands, n_misquoted))
}

fn read<T: serde::de::DeserializeOwned>(completion: &Completion, key: &str) -> Result<T, String> {
    serde_json::from_value(object_with(&completion.text, key)?).map_err(|error| format!("the judge's answer has another form: {error}"))
}

impl Tally {
    fn add(&mut self, (stands, n_misquoted): Verified) {
        self.n_misquoted += n_misquoted;
        for (claim, stand) in stands {
            match stand {
                Stand::Supported => self.n_supported += 1,
                Stand::Unable => self.n_unable += 1,
                Stand::Contradicted => {
                    self.n_contradicted += 1;
                    self.open.push(format!("{claim:?} (contradicted)"));
                }
                Stand::NotInContext => {
                    self.n_missing += 1;
                    self.open.push(format!("{claim:?}"));
                }
            }
        }
    }

    fn decided(&self) -> usize {
        self.n_supported + self.n_contradicted + self.n_missing
    }

    fn note(&self) -> Note {
        let contradicted = (self.decided() > 0).then(|| self.n_contradicted as f64 / self.decided() as f64);
        Note { contradicted, n_misquoted: self.n_misquoted, ..Note::default() }
    }

    /// Says how many claims the share leaves out, where it does.
    fn undecided(&self) -> Option<String> {
        (self.n_unable > 0).then(|| format!("{} of {} claims could not be decided", self.n_unable, self.n_unable + self.decided()))
    }

    fn reason(&self, what: &str) -> String {
        let shown = self.open.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        joined([self.undecided(), (!shown.is_empty()).then(|| format!("{what}: {shown}"))])
    }
}

fn joined(reasons: [Option<String>; 2]) -> String {
    reasons.into_iter().flatten().filter(|reason| !reason.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(text: &str) -> Completion {
        Completion { text: text.to_owned(), ..Completion::default() }
    }

    #[test]
    fn claims_that_the_answer_does_not_make_are_dropped_and_counted() {
        let answer = "Refunds take 5 days. They are free.";
        let said = r#"{"claims": [{"id": 1, "text": "Refunds take 5 days", "src_span": "Refunds take 5 days."}, {"id": 2, "text": "x", "src_span": "They cost 3"}]}"#;
        assert_eq!(read_split(&completion(said), answer), Ok((vec!["Refunds take 5 days".to_owned()], 1)));
        assert_eq!(read_split(&completion("{\"claims\": []}"), answer), Ok((Vec::new(), 0)));
        let made_up = r#"{"claims": [{"id": 1, "text": "a", "src_span": "b"}]}"#;
        assert!(read_split(&completion(made_up), answer).unwrap_err().contains("none of the 1"));
    }

    fn verdicts(text: &str, attempt: Attempt) -> Result<(Vec<Stand>, usize), String> {
        let claims = ["a".to_owned(), "b".to_owned()];
        let sources = ["Refunds take 5 days.".to_owned(), "Shipping is free.".to_owned()];
        read_verdicts(&completion(text), attempt, &claims, &sources).map(|(stands, n)| (stands.into_iter().map(|(_, stand)| stand).collect(), n))
    }

    #[test]
    fn a_verdict_needs_a_quote_that_stands_where_it_says() {
        let said = |chunk: usize, quote: &str| {
            format!(
                r#"{{"verdicts": [{{"id": 1, "verdict": "supported", "chunk_ids": [{chunk}], "quote": "{quote}"}}, {{"id": 2, "verdict": "not_in_context", "chunk_ids": [], "quote": ""}}]}}"#
            )
        };
        assert_eq!(verdicts(&said(1, "take 5 days"), Attempt::First), Ok((vec![Stand::Supported, Stand::NotInContext], 0)));
        for (chunk, quote) in [(2, "take 5 days"), (1, "take 6 days"), (0, "take 5 days"), (9, "take 5 days"), (1, "")] {
            assert_eq!(verdicts(&said(chunk, quote), Attempt::First), Ok((vec![Stand::Unable, Stand::NotInContext], 1)), "{chunk} {quote}");
        }
    }

    #[test]
    fn missing_and_doubled_verdicts_are_asked_for_again_and_then_unable() {
        let one = r#"{"verdicts": [{"id": 2, "verdict": "unable"}]}"#;
        assert!(verdicts(one, Attempt::First).unwrap_err().contains("claim 1"));
        assert_eq!(verdicts(one, Attempt::Last), Ok((vec![Stand::Unable, Stand::Unable], 0)));
        let doubled =
            r#"{"verdicts": [{"id": 1, "verdict": "unable"}, {"id": 1, "verdict": "not_in_context"}, {"id": 2, "verdict": "not_in_context"}]}"#;
        assert_eq!(verdicts(doubled, Attempt::Last), Ok((vec![Stand::Unable, Stand::NotInContext], 0)));
        assert!(verdicts(r#"{"verdicts": [{"id": 1, "verdict": "yes"}]}"#, Attempt::Last).unwrap_err().contains("another form"));
    }

    #[test]
    fn claims_that_nobody_decided_are_named() {
        let tally = |stands: &[Stand]| {
            let mut tally = Tally::default();
            tally.add((stands.iter().map(|stand| ("a".to_owned(), *stand)).collect(), 0));
            tally
        };
        assert_eq!(tally(&[Stand::Supported]).reason("missing"), "");
        assert_eq!(tally(&[Stand::Supported, Stand::NotInContext]).reason("missing"), "missing: \"a\"");
        assert_eq!(tally(&[Stand::Supported, Stand::Unable, Stand::Supported]).reason("missing"), "1 of 3 claims could not be decided");
        let said = tally(&[Stand::Unable, Stand::Contradicted]).reason("missing");
        assert_eq!(said, "1 of 2 claims could not be decided; missing: \"a\" (contradicted)");
    }
}
