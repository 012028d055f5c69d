//! A rubric before one judge or a jury, each with one vote or several.

use std::sync::Arc;

use futures::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::Completion;
use crate::checks::{Outcome, Verdict};
use crate::error::Error;
use crate::judge::ask::{hear, object_with, reason_in};
use crate::judge::prompt::{Material, system, user};
use crate::judge::rubric::Rubric;
use crate::judge::weigh::Weighed;
use crate::judge::{Asked, Call, Judge, Note, Question};

/// Least probability of all verdicts together at which the weights of one vote are believed.
const MASS_MIN: f64 = 0.9;
/// Votes that stand in where they are not.
const RESAMPLED: u32 = 5;

/// How the jurors' values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pool {
    /// Their mean.
    #[default]
    Mean,
    /// The best of them.
    Max,
}

/// Who judges, and how.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// One judge, or a jury.
    pub judges: Vec<Arc<dyn Judge>>,
    /// Votes of each.
    pub votes: u32,
    /// Whether a verdict is weighed by the probabilities of its token.
    pub weighted: bool,
    pub pool: Pool,
}

/// One vote.
#[derive(Debug, Clone, PartialEq)]
struct Vote {
    name: String,
    value: Option<f64>,
    reason: String,
    mass: Option<f64>,
}

impl Panel {
    /// Asks everybody about an answer.
    ///
    /// A vote that cannot be read is asked for once more and then lost; a judge that abstains gives no vote. Without any vote the check failed: it
    /// is never a 0 and never a 1.
    pub(crate) async fn rule(&self, rubric: &Rubric, material: &Material) -> Result<Asked, Error> {
        let schema: Arc<RawValue> = Arc::from(rubric.schema()?);
        let question = Question { system: system(rubric), user: user(material), schema, seed: 0, logprobs: self.weighted };
        let heard = join_all(self.judges.iter().map(|judge| self.juror(judge.as_ref(), rubric, &question))).await;
        let calls = heard.iter().flat_map(|juror| juror.calls.clone()).collect();
        let note = Note {
            jurors: heard.iter().map(|juror| juror.verdict.value).collect(),
            mass: heard.iter().filter_map(|juror| juror.note.mass).reduce(f64::min),
            ..Note::default()
        };
        let verdicts: Vec<Verdict> = heard.into_iter().map(|juror| juror.verdict).collect();
        Ok(Asked { verdict: self.pooled(verdicts), calls, note })
    }

    /// The votes of one judge. Weights that miss too much of the probability are no weights: the judge is sampled instead.
    async fn juror(&self, judge: &dyn Judge, rubric: &Rubric, question: &Question) -> Asked {
        let vote = |vote| hear(judge, question, vote, |completion, _| read(completion, rubric, self.weighted));
        let mut heard = join_all((0..self.votes).map(vote)).await;
        let is_light =
            |heard: &(Result<Vote, String>, Vec<Call>)| matches!(heard, (Ok(Vote { mass, .. }), _) if mass.is_none_or(|mass| mass < MASS_MIN));
        let resampled = self.weighted && heard.iter().any(is_light);
        let mass = heard.iter().filter_map(|(vote, _)| vote.as_ref().ok()?.mass).reduce(f64::min);
        if resampled && self.votes < RESAMPLED {
            heard.extend(join_all((self.votes..RESAMPLED).map(vote)).await);
        }
        let (n_asked, mut votes, mut calls, mut lost) = (heard.len(), Vec::new(), Vec::new(), String::new());
        for (vote, more) in heard {
            calls.extend(more);
            match vote {
                Ok(vote) if resampled => votes.push(Vote { value: rubric.value(&vote.name), ..vote }),
                Ok(vote) => votes.push(vote),
                Err(why) => lost = why,
            }
        }
        Asked { verdict: settle(&votes, n_asked, &lost), calls, note: Note { mass, ..Note::default() } }
    }

    fn pooled(&self, mut verdicts: Vec<Verdict>) -> Verdict {
        let values: Vec<f64> = verdicts.iter().filter_map(|verdict| verdict.value).collect();
        let heard = share(values.len(), verdicts.len(), "judges");
        let Some(best) = values.iter().copied().reduce(f64::max) else {
            let lost = verdicts.swap_remove(0);
            return Verdict { reason: heard + &lost.reason, ..lost };
        };
        let value = match self.pool {
            Pool::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Pool::Max => best,
        };
        // The words of the juror who is nearest to what came out.
        let away = |verdict: &Verdict| verdict.value.map_or(f64::INFINITY, |own| (own - value).abs());
        let nearest = (0..verdicts.len()).min_by(|a, b| away(&verdicts[*a]).total_cmp(&away(&verdicts[*b]))).unwrap_or(0);
        let nearest = verdicts.swap_remove(nearest);
        Verdict { value: Some(value), reason: heard + &nearest.reason, ..nearest }
    }
}

/// What a reason begins with where a panel is smaller than it was meant to be.
fn share(n_heard: usize, n_asked: usize, whom: &str) -> String {
    if n_heard == n_asked || n_asked == 1 { String::new() } else { format!("{n_heard} of {n_asked} {whom} gave a verdict; ") }
}

/// Several votes of one judge: the mean of the values, the most frequent name.
fn settle(votes: &[Vote], n_asked: usize, lost: &str) -> Verdict {
    let valued: Vec<(f64, &Vote)> = votes.iter().filter_map(|vote| Some((vote.value?, vote))).collect();
    let Some((_, first)) = valued.first() else {
        return match votes.first() {
            Some(Vote { name, reason, .. }) => {
                Verdict { label: Some(name.clone()), ..Verdict::failed(format!("the judge abstained ({name}): {reason}")) }
            }
            None => Verdict::failed(format!("no verdict: {lost}")),
        };
    };
    let value = valued.iter().map(|(value, _)| value).sum::<f64>() / valued.len() as f64;
    let count = |name: &str| votes.iter().filter(|vote| vote.name == name).count();
    // The first of the most frequent ones, so that the same votes give the same label.
    let label = votes.iter().rev().max_by_key(|vote| count(&vote.name)).map(|vote| vote.name.clone());
    Verdict {
        outcome: Outcome::Value,
        value: Some(value),
        passed: None,
        score: None,
        label,
        reason: share(valued.len(), n_asked, "votes") + &first.reason,
    }
}

/// Reads one answer: a JSON object with a known verdict.
fn read(completion: &Completion, rubric: &Rubric, weighted: bool) -> Result<Vote, String> {
    let object = object_with(&completion.text, "verdict")?;
    let name = object["verdict"].as_str().ok_or_else(|| format!("the judge's verdict is no text: {}", object["verdict"]))?;
    let (name, value) = rubric.find(name).ok_or_else(|| format!("the judge's verdict {name:?} is none of the rubric's"))?;
    let weighed = weighted.then(|| Weighed::of(completion.tokens.as_deref()?, "verdict", &rubric.names())).flatten();
    let mass = weighed.as_ref().map(Weighed::mass);
    let value = match &weighed {
        Some(weighed) if weighed.mass() >= MASS_MIN => weighed.mean(&rubric.values()),
        _ => *value,
    };
    Ok(Vote { name: name.clone(), value, reason: reason_in(&object), mass })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric() -> Rubric {
        Rubric::parse("r", "---\nverdicts: {good: 1, bad: 0, unclear: null}\n---\nx").unwrap()
    }

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, Option<f64>), &str>) {
        let completion = Completion { text: text.to_owned(), ..Completion::default() };
        match (read(&completion, &rubric(), false), expect) {
            (Ok(vote), Ok(expected)) => assert_eq!((vote.name.as_str(), vote.value), expected),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn verdicts_are_read_where_they_are_clear() {
        check(r#"{"verdict": "good", "reason": "x"}"#, Ok(("good", Some(1.0))));
        check("```json\n{\"verdict\": \"Bad\", \"reason\": \"x\", \"score\": 9}\n```", Ok(("bad", Some(0.0))));
        check(r#"{"verdict": "unclear"}"#, Ok(("unclear", None)));
        check("I think it is good.", Err("not the JSON"));
        check(r#"{"verdict": 10}"#, Err("no text"));
        check(r#"{"verdict": "excellent"}"#, Err("none of the rubric's"));
        check(r#"{"verdict": "good"} {"verdict": "bad"}"#, Err("twice"));
    }

    fn vote(name: &str, value: Option<f64>) -> Vote {
        Vote { name: name.to_owned(), value, reason: String::new(), mass: None }
    }

    #[test]
    fn votes_are_averaged_and_abstentions_are_none() {
        let votes = [vote("good", Some(1.0)), vote("bad", Some(0.0)), vote("unclear", None), vote("good", Some(1.0))];
        let settled = settle(&votes, 5, "half a JSON");
        assert_eq!((settled.value, settled.label.as_deref()), (Some(2.0 / 3.0), Some("good")));
        // A vote that was lost and one that was withheld: the mean is one of three.
        assert_eq!(settled.reason, "3 of 5 votes gave a verdict; ");
        assert_eq!(settle(&votes[..2], 2, "").reason, "");
        assert_eq!(settle(&[vote("unclear", None)], 1, "").outcome, Outcome::Failed);
        assert_eq!(settle(&[], 1, "half a JSON").outcome, Outcome::Failed);
    }

    #[test]
    fn a_jury_is_pooled_as_the_suite_says() {
        let jury = |pool| Panel { judges: Vec::new(), votes: 1, weighted: false, pool };
        let said = |value: Option<f64>, label: &str| Verdict {
            label: Some(label.to_owned()),
            ..value.map_or(Verdict::failed("lost"), |value| Verdict::value(value, String::new()))
        };
        let verdicts = || vec![said(None, "unclear"), said(Some(0.0), "bad"), said(Some(1.0), "good"), said(Some(1.0), "good")];
        let mean = jury(Pool::Mean).pooled(verdicts());
        assert_eq!((mean.value, mean.label.as_deref(), mean.reason.as_str()), (Some(2.0 / 3.0), Some("good"), "3 of 4 judges gave a verdict; "));
        assert_eq!(jury(Pool::Mean).pooled(verdicts().split_off(1)).reason, "");
        assert_eq!(jury(Pool::Max).pooled(verdicts()).value, Some(1.0));
        assert_eq!(jury(Pool::Mean).pooled(vec![said(None, "unclear")]).outcome, Outcome::Failed);
        let none = jury(Pool::Mean).pooled(vec![said(None, "unclear"), said(None, "unclear")]);
        assert_eq!((none.outcome, none.reason.as_str()), (Outcome::Failed, "0 of 2 judges gave a verdict; lost"));
    }
}
