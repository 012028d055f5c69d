//! Models that judge answers: what they are asked, how their words become numbers, and what those numbers are worth.

mod anchors;
mod ask;
mod batch;
mod claims;
mod kept;
mod pair;
mod panel;
mod prompt;
mod rubric;
mod spans;
mod weigh;
mod worth;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::calls::CallError;
use crate::chat::{Chat, Completion, LogProbs, Request};
use crate::checks::Verdict;
use crate::dataset::hex;

pub(crate) use anchors::{Anchor, Anchors};
pub(crate) use ask::Call;
pub use batch::BatchPlace;
pub(crate) use batch::{Answered, Batch, Line, Open, read_openai};
pub(crate) use claims::{Claims, Judging};
pub(crate) use kept::Keeping;
pub(crate) use pair::Pair;
pub(crate) use panel::{Panel, Pool};
pub(crate) use prompt::{Material, system};
pub(crate) use rubric::Rubric;
pub(crate) use worth::Material as Worth;
pub use worth::{AnchorVerdict, CorrectedMean, JudgeReport, Moved};

/// A model that can be asked for a verdict.
///
/// An OpenAI-compatible endpoint and Amazon Bedrock are two; one that keeps the answers of another is a third.
#[async_trait]
pub(crate) trait Judge: Send + Sync + std::fmt::Debug {
    /// Returns the name of the model.
    fn model(&self) -> &str;

    /// Returns everything that an answer depends on beside the question: where the model is, which, and its settings.
    fn identity(&self) -> String;

    /// Asks one question; faults that pass are the judge's own to wait out.
    async fn answer(&self, question: &Question) -> Result<Completion, CallError>;

    /// Returns the question as a line of a batch file, by the name that its answer will bear.
    fn batch_line(&self, key: &str, question: &Question) -> Result<Line, serde_json::Error>;

    /// Has lines of a batch answered by the judge's own service, where it has one.
    async fn run_batch(&self, _lines: &[String], _place: &BatchPlace) -> Result<Vec<Answered>, CallError> {
        Err(CallError::Malformed(format!("{} has no batch service here: write the questions with --batch-write", self.model())))
    }

    /// Takes notice that an answer could be read, and may be kept.
    async fn keep(&self, _question: &Question, _completion: &Completion) {}
}

/// Whether the scores of a check by this name are a judge's.
pub(crate) fn is_judged(check: &str) -> bool {
    check.starts_with("judge") || check.strip_prefix("not-").unwrap_or(check) == "llm-rubric"
}

/// What a judge is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The rubric, and how to answer.
    pub system: String,
    /// What is judged, delimited and escaped.
    pub user: String,
    /// JSON schema of the answer.
    pub schema: Arc<RawValue>,
    /// Which vote this is: its seed, and from the second on its temperature.
    pub seed: i64,
    /// Whether the probabilities of the tokens are wanted.
    pub logprobs: bool,
}

impl Question {
    /// At temperature 0 the same is said each time: what is asked for again, as a further vote or because it could not be read, is sampled.
    pub(crate) fn temperature(&self) -> f64 {
        if self.seed == 0 { 0.0 } else { 1.0 }
    }

    /// The question as OpenAI's wire has it.
    pub(crate) fn request(&self) -> Request {
        Request {
            messages: vec![json!({"role": "system", "content": self.system}), json!({"role": "user", "content": self.user})],
            seed: Some(self.seed),
            schema: Some(self.schema.as_ref().to_owned()),
            temperature: Some(self.temperature()),
            log_probs: if self.logprobs { LogProbs::WithAlternatives } else { LogProbs::Unwanted },
            traceparent: None,
        }
    }

    /// Hash of the question and of who is asked: the name under which its answer is kept.
    pub(crate) fn key(&self, identity: &str) -> String {
        let mut hash = Sha256::new();
        for part in [identity, &self.system, &self.user, self.schema.get(), &format!("{} {}", self.seed, self.logprobs)] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())
    }
}

/// What judges said about one answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub verdict: Verdict,
    pub calls: Vec<Call>,
    pub note: Note,
}

/// What is worth knowing about a verdict beside its value.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Note {
    /// The values of the jurors, in the order of the models; nothing for one who gave none.
    pub jurors: Vec<Option<f64>>,
    /// Probability that the judge gave to any verdict, where it was weighed.
    pub mass: Option<f64>,
    /// Whether the preference turned around with the order of the answers.
    pub flipped: Option<bool>,
    /// Preference for the answer, both orders together, also where it flipped.
    pub preference: Option<f64>,
    /// By how many characters the answer is longer than the one it is held against.
    pub longer_by: Option<f64>,
    /// Share of the claims that the sources contradict.
    pub contradicted: Option<f64>,
    /// Claims and quotes of the judge's that do not stand where it said.
    pub n_misquoted: usize,
}

impl Asked {
    fn failed(why: impl Into<String>, calls: Vec<Call>) -> Self {
        Self { verdict: Verdict::failed(why), calls, note: Note::default() }
    }
}

#[async_trait]
impl Judge for Chat {
    fn model(&self) -> &str {
        &self.model
    }

    fn identity(&self) -> String {
        Chat::identity(self)
    }

    fn batch_line(&self, key: &str, question: &Question) -> Result<Line, serde_json::Error> {
        Ok(batch::openai_line(key, &self.batch_body(&question.request())?))
    }

    async fn answer(&self, question: &Question) -> Result<Completion, CallError> {
        self.complete(&question.request()).await
    }
}
