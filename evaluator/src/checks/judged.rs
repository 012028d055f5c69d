//! The answer is judged by a model.

use std::sync::Arc;

use crate::checks::spec::Context;
use crate::checks::{Subject, Verdict};
use crate::error::Error;
use crate::judge::{Asked, Judge, Material, Rubric, ask};
use crate::spec::CheckSpec;

/// `judge`: a model reads the rubric, the question, the documents and the answer, and gives a verdict.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    answer: String,
    question: Option<String>,
    sources: Option<String>,
    reference: Option<String>,
    rubric: Arc<Rubric>,
    /// Nothing where no endpoint is configured.
    judge: Option<Arc<dyn Judge>>,
    model: String,
    votes: u32,
    hash: String,
}

impl Judged {
    pub(crate) fn new(answer: String, spec: &CheckSpec, context: &Context<'_>) -> Result<Self, Error> {
        let file = spec.rubric.as_ref().ok_or_else(|| context.error("judge needs `rubric`, a file"))?;
        let id = spec.model.as_ref().ok_or_else(|| context.error("judge needs `model`, such as openai:chat:<model>"))?;
        let model = id.strip_prefix("openai:chat:").or_else(|| id.strip_prefix("openai:"));
        let model = model.ok_or_else(|| context.error(&format!("model {id:?} is unknown; a judge's model is openai:chat:<model>")))?;
        let rubric = Rubric::parse(file, &context.files.read(&context.place, file)?)?;
        let chat = context.connector.chat(model, &crate::target::settings(&context.place, spec.config.as_ref())?, context.env)?;
        let votes = spec.votes.unwrap_or(1);
        if !(1..=25).contains(&votes) {
            return Err(context.error("votes is a number from 1 to 25"));
        }
        let hash = rubric.hash(model, &crate::judge::system(&rubric));
        Ok(Self {
            answer,
            question: spec.question.clone().or_else(|| context.dataset.columns.contains("question").then(|| "question".to_owned())),
            sources: spec.sources.clone(),
            reference: spec.reference.clone(),
            rubric: Arc::new(rubric),
            judge: chat.map(|chat| chat as Arc<dyn Judge>),
            model: model.to_owned(),
            votes,
            hash,
        })
    }

    /// Hash of model, rubric and prompt.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    pub(crate) fn signature(&self) -> String {
        format!("judge {} {} votes {}", self.model, self.hash, self.votes)
    }

    /// Asks the judge about an answer.
    pub(crate) async fn verdict(&self, subject: &Subject<'_>) -> Result<Asked, Error> {
        let Some(judge) = &self.judge else {
            let verdict = Verdict::failed("not judged: no endpoint is configured; set apiBaseUrl, or OPENAI_BASE_URL in the environment");
            return Ok(Asked { verdict, calls: Vec::new() });
        };
        let text = |column: &Option<String>| column.as_ref().and_then(|column| subject.text(column)).map(String::from);
        let material = Material {
            question: text(&self.question),
            documents: self.sources.as_ref().map_or_else(Vec::new, |column| subject.texts(column)),
            reference: text(&self.reference),
            answer: subject.text(&self.answer).map(String::from).unwrap_or_default(),
        };
        ask(judge.as_ref(), &self.rubric, &material, self.votes).await
    }
}
