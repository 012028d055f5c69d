//! The right documents were retrieved, and stand in front.

use std::collections::BTreeMap;

use measure::retrieval::{
    Gain, average_precision, bpref, context_ap_retrieved, context_precision, context_recall, hit, ndcg, precision, r_precision,
    rank_biased_precision, recall, reciprocal_rank,
};
use serde_json::Value;

use crate::checks::quotes::ids_of;
use crate::checks::{Subject, Verdict};

/// How likely a reader goes on to the next document, for `rbp`.
const PERSISTENCE: f64 = 0.8;

/// Measures of the retrieved documents, a list of ids or of documents with `id`, against the relevant ones, a list of ids or a grade for each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked {
    pub measure: Measure,
    pub retrieved: String,
    pub relevant: String,
    /// Ranks that are looked at; all where nothing is said.
    pub k: Option<usize>,
}

/// How a ranking is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Precision,
    Recall,
    Hit,
    ReciprocalRank,
    AveragePrecision,
    ContextAp,
    RPrecision,
    RankBiased,
    Bpref,
    Ndcg(Gain),
    ContextPrecision,
    ContextRecall,
}

impl Measure {
    /// Every measure, by the name that suites use.
    pub(crate) const NAMES: [(&'static str, Measure); 13] = [
        ("precision", Measure::Precision),
        ("recall", Measure::Recall),
        ("hit", Measure::Hit),
        ("mrr", Measure::ReciprocalRank),
        ("map", Measure::AveragePrecision),
        ("context_ap_retrieved", Measure::ContextAp),
        ("r_precision", Measure::RPrecision),
        ("rbp", Measure::RankBiased),
        ("bpref", Measure::Bpref),
        ("ndcg_linear", Measure::Ndcg(Gain::Linear)),
        ("ndcg_exp", Measure::Ndcg(Gain::Exponential)),
        ("context_precision", Measure::ContextPrecision),
        ("context_recall", Measure::ContextRecall),
    ];

    /// The measure that a suite names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
    }
}

impl Ranked {
    pub(crate) fn signature(&self) -> String {
        let name = Measure::NAMES.iter().find(|(_, measure)| *measure == self.measure).map_or("", |(name, _)| name);
        let depth = self.k.map_or("all".to_owned(), |k| k.to_string());
        format!(
            "{name} k:{depth} unjudged:{}",
            match self.measure {
                Measure::RankBiased => "irrelevant p:0.8",
                Measure::Bpref => "ignored",
                _ => "irrelevant",
            }
        )
    }

    pub(crate) fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let grades = grades_of(subject.vars.get(&self.relevant));
        let relevant: Vec<&String> = grades.iter().filter(|(_, grade)| **grade > 0.0).map(|(id, _)| id).collect();
        if relevant.is_empty() {
            return Verdict::not_applicable("nothing is relevant to this case");
        }
        let retrieved = if subject.vars.contains_key(&self.retrieved) { ids_of(subject.vars.get(&self.retrieved)) } else { Vec::new() };
        let k = self.k.unwrap_or_else(|| retrieved.len().max(1));
        let head: Vec<&String> = retrieved.iter().take(k).collect();
        // A document that was retrieved twice is found once.
        let mut seen = Vec::new();
        let ranked: Vec<f64> = head
            .iter()
            .map(|id| {
                let again = seen.contains(&id);
                seen.push(id);
                if again { 0.0 } else { grades.get(id.as_str()).copied().unwrap_or(0.0) }
            })
            .collect();
        let judged: Vec<f64> = grades.values().copied().collect();
        let value = match self.measure {
            Measure::Precision => Some(precision(&ranked, k)),
            Measure::Recall => Some(recall(&ranked, relevant.len(), k)),
            Measure::Hit => Some(hit(&ranked, k)),
            Measure::ReciprocalRank => Some(reciprocal_rank(&ranked)),
            Measure::AveragePrecision => Some(average_precision(&ranked, relevant.len())),
            Measure::ContextAp => Some(context_ap_retrieved(&ranked)),
            Measure::RPrecision => Some(r_precision(&ranked, relevant.len())),
            Measure::RankBiased => Some(rank_biased_precision(&ranked, PERSISTENCE)),
            Measure::Bpref => Some(bpref(&judgments(&head, &grades), relevant.len(), grades.len() - relevant.len())),
            Measure::Ndcg(gain) => Some(ndcg(&ranked, &judged, k, gain)),
            Measure::ContextPrecision => context_precision(&head, &relevant),
            Measure::ContextRecall => context_recall(&head, &relevant),
        };
        let missed: Vec<&&String> = relevant.iter().filter(|id| !head.contains(id)).collect();
        let reason = if missed.is_empty() { String::new() } else { format!("not retrieved: {missed:?}") };
        value.map_or_else(|| Verdict::not_applicable("nothing was retrieved"), |value| Verdict::value(value, reason))
    }
}

/// The grade of each document, the first time that it comes; nothing where nobody judged it.
fn judgments(head: &[&String], grades: &BTreeMap<String, f64>) -> Vec<Option<f64>> {
    let first = |at: usize| !head[..at].contains(&head[at]);
    (0..head.len()).filter(|at| first(*at)).map(|at| grades.get(head[at]).copied()).collect()
}

/// Grades by id: a mapping has them, ids of a list are worth 1.
fn grades_of(relevant: Option<&Value>) -> BTreeMap<String, f64> {
    match relevant {
        Some(Value::Object(grades)) => grades.iter().map(|(id, grade)| (id.clone(), grade.as_f64().unwrap_or(0.0))).collect(),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(grades @ Value::Object(_)) => grades_of(Some(&grades)),
            _ => ids_of(relevant).into_iter().map(|id| (id, 1.0)).collect(),
        },
        other => ids_of(other).into_iter().map(|id| (id, 1.0)).collect(),
    }
}
