//! The answer against another one, in both orders.

use std::sync::Arc;

use futures::future::join;
use serde_json::value::RawValue;

use crate::chat::Completion;
use crate::checks::Verdict;
use crate::error::Error;
use crate::judge::ask::{hear, object_with, reason_in};
use crate::judge::prompt::{GUARD, Material, context, tagged};
use crate::judge::weigh::Weighed;
use crate::judge::{Asked, Judge, Note, Question};

const NAMES: [&str; 3] = ["first", "second", "tie"];
/// What each verdict is worth to the answer that came first.
const VALUES: [Option<f64>; 3] = [Some(1.0), Some(0.0), Some(0.5)];
/// Least probability of all verdicts together at which their weights are believed.
const MASS_MIN: f64 = 0.9;

/// A judge who prefers.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub judge: Arc<dyn Judge>,
    /// What makes an answer the better one.
    pub criteria: String,
    pub weighted: bool,
}

/// The preference for the first answer of one order.
struct Preference {
    first: f64,
    mass: Option<f64>,
    reason: String,
}

impl Pair {
    /// The preference for the answer over the other one: `(w_AB + 1 − w_BA) / 2`. A judge whose preference turns around with the order prefers the
    /// place and not the answer: that is an abstention, counted against the coverage.
    pub(crate) async fn prefer(&self, material: &Material, other: &str) -> Result<Asked, Error> {
        let (here, there) = join(self.ask(material, &material.answer, other), self.ask(material, other, &material.answer)).await;
        let mut calls = here.1;
        calls.extend(there.1);
        let (here, there) = match (here.0, there.0) {
            (Ok(here), Ok(there)) => (here, there),
            (Err(why), _) | (_, Err(why)) => return Ok(Asked::failed(format!("no preference: {why}"), calls)),
        };
        let (ours, turned) = (here.first, 1.0 - there.first);
        let flipped = (ours - 0.5) * (turned - 0.5) < 0.0;
        let preference = (ours + turned) / 2.0;
        let chars = |text: &str| text.chars().count() as f64;
        let note = Note {
            flipped: Some(flipped),
            preference: Some(preference),
            mass: here.mass.into_iter().chain(there.mass).reduce(f64::min),
            longer_by: Some(chars(&material.answer) - chars(other)),
            ..Note::default()
        };
        let label = |label: &str| Some(label.to_owned());
        let verdict = if flipped {
            let place = if ours > 0.5 { "first" } else { "second" };
            let why = format!("the judge abstained (inconsistent): in either order it prefers the answer that comes {place}");
            Verdict { label: label(&format!("prefers_{place}")), ..Verdict::failed(why) }
        } else {
            let name = if preference > 0.5 {
                "better"
            } else if preference < 0.5 {
                "worse"
            } else {
                "tie"
            };
            Verdict { label: label(name), ..Verdict::value(preference, here.reason) }
        };
        Ok(Asked { verdict, calls, note })
    }

    async fn ask(&self, material: &Material, first: &str, second: &str) -> (Result<Preference, String>, Vec<crate::judge::Call>) {
        let question = match self.question(material, first, second) {
            Ok(question) => question,
            Err(error) => return (Err(error.to_string()), Vec::new()),
        };
        hear(self.judge.as_ref(), &question, 0, |completion, _| read(completion, self.weighted)).await
    }

    fn question(&self, material: &Material, first: &str, second: &str) -> Result<Question, serde_json::Error> {
        let schema = r#"{"type":"object","properties":{"verdict":{"type":"string","enum":["first","second","tie"]},"reason":{"type":"string"}},"required":["verdict","reason"],"additionalProperties":false}"#;
        Ok(Question {
            system: Self::system(&self.criteria),
            user: format!("{}{}\n{}\n\nWhich answer is the better one?", context(material), tagged("first", first), tagged("second", second)),
            schema: Arc::from(RawValue::from_string(schema.to_owned())?),
            seed: 0,
            logprobs: self.weighted,
        })
    }

    /// The system message.
    pub(crate) fn system(criteria: &str) -> String {
        format!(
            "You compare two answers of systems by this rubric:\n\n{criteria}\n\n{GUARD} Neither the order of the answers nor their length is a reason to \
             prefer one.\n\nAnswer with one JSON object and nothing else: {{\"verdict\": one of first | second | tie, \"reason\": one short \
             sentence}}. The verdict comes first."
        )
    }
}

fn read(completion: &Completion, weighted: bool) -> Result<Preference, String> {
    let object = object_with(&completion.text, "verdict")?;
    let name = object["verdict"].as_str().unwrap_or_default().trim().to_lowercase();
    let place = NAMES
        .iter()
        .position(|known| *known == name)
        .ok_or_else(|| format!("the judge's verdict {} is not first, second or tie", object["verdict"]))?;
    let weighed = weighted.then(|| Weighed::of(completion.tokens.as_deref()?, "verdict", &NAMES)).flatten();
    let mass = weighed.as_ref().map(Weighed::mass);
    let first = weighed.filter(|weighed| weighed.mass() >= MASS_MIN).and_then(|weighed| weighed.mean(&VALUES)).or(VALUES[place]);
    Ok(Preference { first: first.unwrap_or(0.5), mass, reason: reason_in(&object) })
}
