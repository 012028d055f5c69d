//! From a judge's words to a verdict.

use serde_json::Value;

use crate::chat::{CallError, Usage};
use crate::checks::{Outcome, Verdict};
use crate::error::Error;
use crate::judge::prompt::{Material, system, user};
use crate::judge::rubric::Rubric;
use crate::judge::{Judge, Question};

/// How often an answer that cannot be read is asked for again.
const READ_ATTEMPTS: i64 = 2;

/// One call of a judge, for the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The metric that the call was made for.
    pub purpose: String,
    pub model: String,
    pub usage: Usage,
    /// `ok`, or the class of the error.
    pub outcome: String,
}

/// A verdict, and the calls that it took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub verdict: Verdict,
    pub calls: Vec<Call>,
}

/// Asks a judge, `votes` times, each with a seed of its own; the value is the mean of the votes, the label the most frequent verdict.
///
/// A vote that cannot be read is asked for once more and then lost; a judge that abstains gives no vote. Without any vote the
/// check failed: it is never a 0 and never a 1.
pub(crate) async fn ask(judge: &dyn Judge, rubric: &Rubric, material: &Material, votes: u32) -> Result<Asked, Error> {
    let schema = rubric.schema()?;
    let question = |seed| Question { system: system(rubric), user: user(material), schema: schema.clone(), seed };
    let (mut calls, mut heard, mut lost) = (Vec::new(), Vec::new(), String::new());
    for vote in 0..i64::from(votes) {
        for attempt in 0..READ_ATTEMPTS {
            let answered = judge.answer(&question(vote * READ_ATTEMPTS + attempt)).await;
            let read = answered.as_ref().map_err(CallError::to_string).and_then(|completion| read(&completion.text, rubric));
            calls.push(Call {
                purpose: String::new(),
                model: judge.model().to_owned(),
                usage: answered.as_ref().map_or(Usage::default(), |completion| completion.usage),
                outcome: match (&answered, &read) {
                    (Err(error), _) => error.class(),
                    (Ok(_), Err(_)) => "unreadable".to_owned(),
                    (Ok(_), Ok(_)) => "ok".to_owned(),
                },
            });
            match read {
                Ok(verdict) => {
                    heard.push(verdict);
                    break;
                }
                Err(why) => lost = why,
            }
            // The endpoint waited out what passes; asking at once again would not help.
            if answered.is_err() {
                break;
            }
        }
    }
    Ok(Asked { verdict: settle(&heard, &lost), calls })
}

/// One vote: the verdict's name, its value, and the reason.
type Vote = (String, Option<f64>, String);

fn settle(votes: &[Vote], lost: &str) -> Verdict {
    let valued: Vec<&Vote> = votes.iter().filter(|(_, value, _)| value.is_some()).collect();
    let Some((_, _, reason)) = valued.first() else {
        return match votes.first() {
            Some((name, _, reason)) => Verdict { label: Some(name.clone()), ..Verdict::failed(format!("the judge abstained ({name}): {reason}")) },
            None => Verdict::failed(format!("no verdict: {lost}")),
        };
    };
    let value = valued.iter().filter_map(|(_, value, _)| *value).sum::<f64>() / valued.len() as f64;
    let count = |name: &str| votes.iter().filter(|(other, _, _)| other == name).count();
    // The first of the most frequent ones, so that the same votes give the same label.
    let label = votes.iter().rev().max_by_key(|(name, _, _)| count(name)).map(|(name, _, _)| name.clone());
    Verdict { outcome: Outcome::Value, value: Some(value), passed: None, score: None, label, reason: reason.clone() }
}

/// Reads one answer: a JSON object with a known verdict, alone or inside of other words, and no second one.
fn read(text: &str, rubric: &Rubric) -> Result<Vote, String> {
    let mut objects = crate::checks::json_objects_in(text).into_iter().filter(|object| object.get("verdict").is_some());
    let object = objects.next().ok_or_else(|| format!("the judge's answer is not the JSON that was asked for: {:?}", excerpt(text)))?;
    if objects.next().is_some() {
        return Err("the judge's answer holds two verdicts".to_owned());
    }
    let name = object["verdict"].as_str().ok_or_else(|| format!("the judge's verdict is no text: {}", object["verdict"]))?;
    let (name, value) = rubric.find(name).ok_or_else(|| format!("the judge's verdict {name:?} is none of the rubric's"))?;
    let reason = object.get("reason").and_then(Value::as_str).unwrap_or_default();
    Ok((name.clone(), *value, reason.chars().take(500).collect()))
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric() -> Rubric {
        Rubric::parse("r", "---\nverdicts: {good: 1, bad: 0, unclear: null}\n---\nx").unwrap()
    }

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, Option<f64>), &str>) {
        match (read(text, &rubric()), expect) {
            (Ok((name, value, _)), Ok(expected)) => assert_eq!((name.as_str(), value), expected),
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
        check(r#"{"verdict": "good", "rea"#, Err("not the JSON"));
        check(r#"{"verdict": 10}"#, Err("no text"));
        check(r#"{"verdict": "excellent"}"#, Err("none of the rubric's"));
        check(r#"{"verdict": "good"} {"verdict": "bad"}"#, Err("two verdicts"));
    }

    #[test]
    fn votes_are_averaged_and_abstentions_are_none() {
        let vote = |name: &str, value| (name.to_owned(), value, String::new());
        let settled = settle(&[vote("good", Some(1.0)), vote("bad", Some(0.0)), vote("unclear", None), vote("good", Some(1.0))], "");
        assert_eq!((settled.value, settled.label.as_deref()), (Some(2.0 / 3.0), Some("good")));
        assert_eq!(settle(&[vote("unclear", None)], "").outcome, Outcome::Failed);
        assert_eq!(settle(&[], "half a JSON").outcome, Outcome::Failed);
    }
}
