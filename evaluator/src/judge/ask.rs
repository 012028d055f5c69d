//! One question to one judge, asked again where the answer cannot be read.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
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

/// Finds the one JSON object with this key in an answer, alone or inside of other words; a second one is a doubt, and no answer, and so is a key
/// that stands twice in it.
pub(super) fn object_with(text: &str, key: &str) -> Result<Value, String> {
    let mut objects = crate::checks::json_objects_in(text).into_iter().filter(|(object, _)| object.get(key).is_some());
    let (object, written) = objects.next().ok_or_else(|| format!("the judge's answer is not the JSON that was asked for: {:?}", excerpt(text)))?;
    if objects.next().is_some() {
        return Err(format!("the judge's answer holds {key:?} twice"));
    }
    serde_json::from_str::<Single>(written).map_err(|error| format!("the judge's answer {error}"))?;
    Ok(object)
}

/// The judge's reason, no longer than it may be.
pub(super) fn reason_in(object: &Value) -> String {
    object.get("reason").and_then(Value::as_str).unwrap_or_default().chars().take(REASON_MAX).collect()
}

/// JSON in whose objects, at every depth, no key stands twice; a parsed one would have kept the last and lost the others.
struct Single;

impl<'de> Deserialize<'de> for Single {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Single)
    }
}

impl<'de> Visitor<'de> for Single {
    type Value = Single;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Single, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("holds {key:?} twice")));
            }
            map.next_value::<Single>()?;
            seen.insert(key);
        }
        Ok(Single)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Single, A::Error> {
        while items.next_element::<Single>()?.is_some() {}
        Ok(Single)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Single, E> {
        Ok(Single)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Single, E> {
        Ok(Single)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Single, E> {
        Ok(Single)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Single, E> {
        Ok(Single)
    }

    fn visit_str<E>(self, _: &str) -> Result<Single, E> {
        Ok(Single)
    }

    fn visit_unit<E>(self) -> Result<Single, E> {
        Ok(Single)
    }
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

    #[test]
    fn a_key_that_stands_twice_is_a_doubt() {
        for text in [r#"{"verdict":"no","verdict":"yes"}"#, r#"{"verdict": [{"id": 1, "stand": "a", "stand": "b"}]}"#] {
            assert!(object_with(text, "verdict").unwrap_err().contains("twice"), "{text}");
        }
        let one = r#"{"verdict": [{"id": 1, "x": 0.5}, {"id": -2, "x": true}], "reason": null}"#;
        assert_eq!(object_with(one, "verdict").unwrap()["verdict"][1]["id"], -2);
    }
}
