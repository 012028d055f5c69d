//! One question to one judge, asked again where the answer cannot be read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calls::CallError;
use crate::chat::{Completion, Usage};
use crate::judge::{Judge, Question};

/// How often a question is asked whose answer cannot be read.
pub(super) const READ_ATTEMPTS: i64 = 2;
/// Characters of a reason that are kept.
pub(super) const REASON_MAX: usize = 500;

/// One call of a judge, for the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The metric that the call was made for.
    pub purpose: String,
    pub model: String,
    pub usage: Usage,
    /// `ok`, `cached`, `unreadable`, or the class of the error.
    pub outcome: String,
}

/// Which attempt an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Last,
}

/// Asks for one vote, the first of which is 0. What cannot be read is asked for once more, and then lost with the reason why.
pub(super) async fn hear<T>(
    judge: &dyn Judge,
    question: &Question,
    vote: u32,
    read: impl Fn(&Completion, Attempt) -> Result<T, String>,
) -> (Result<T, String>, Vec<Call>) {
    let mut calls = Vec::new();
    let mut lost = String::new();
    for attempt in 0..READ_ATTEMPTS {
        let question = Question { seed: i64::from(vote) * READ_ATTEMPTS + attempt, ..question.clone() };
        let which = if attempt + 1 == READ_ATTEMPTS { Attempt::Last } else { Attempt::First };
        let answered = judge.answer(&question).await;
        let found = answered.as_ref().map_err(CallError::to_string).and_then(|completion| read(completion, which));
        calls.push(booked(judge, &answered, found.is_ok()));
        match (found, answered) {
            (Ok(found), Ok(completion)) => {
                judge.keep(&question, &completion).await;
                return (Ok(found), calls);
            }
            (Err(why), Ok(_)) => lost = why,
            // The endpoint waited out what passes; asking at once again would not help.
            (Err(why), Err(_)) => return (Err(why), calls),
            (Ok(_), Err(error)) => lost = error.to_string(),
        }
    }
    (Err(lost), calls)
}

fn booked(judge: &dyn Judge, answered: &Result<Completion, CallError>, could_be_read: bool) -> Call {
    Call {
        purpose: String::new(),
        model: judge.model().to_owned(),
        usage: answered.as_ref().map_or(Usage::default(), |completion| completion.usage),
        outcome: match answered {
            Err(error) => error.class(),
            Ok(_) if !could_be_read => "unreadable".to_owned(),
            Ok(completion) if completion.is_cached => "cached".to_owned(),
            Ok(_) => "ok".to_owned(),
        },
    }
}

/// Finds the one JSON object with this key in an answer, alone or inside of other words; a second one is a doubt, and no answer.
pub(super) fn object_with(text: &str, key: &str) -> Result<Value, String> {
    let mut objects = crate::checks::json_objects_in(text).into_iter().filter(|object| object.get(key).is_some());
    let object = objects.next().ok_or_else(|| format!("the judge's answer is not the JSON that was asked for: {:?}", excerpt(text)))?;
    if objects.next().is_some() {
        return Err(format!("the judge's answer holds {key:?} twice"));
    }
    Ok(object)
}

/// The judge's reason, no longer than it may be.
pub(super) fn reason_in(object: &Value) -> String {
    object.get("reason").and_then(Value::as_str).unwrap_or_default().chars().take(REASON_MAX).collect()
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_an_answer_and_two_are_none() {
        assert_eq!(object_with("Sure: {\"verdict\": \"a\", \"more\": {\"x\": 1}} Bye.", "verdict").unwrap()["verdict"], "a");
        assert!(object_with("It is good, 10/10!", "verdict").unwrap_err().contains("not the JSON"));
        assert!(object_with("{\"verdict\": \"a\", \"rea", "verdict").unwrap_err().contains("not the JSON"));
        assert!(object_with("{\"verdict\": \"a\"} {\"verdict\": \"b\"}", "verdict").unwrap_err().contains("twice"));
    }
}
