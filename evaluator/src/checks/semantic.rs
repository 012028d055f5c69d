//! What the answer means, by the angle between vectors.

use std::sync::Arc;

use measure::text::groundedness::{groundedness, missing_in, windows};

use crate::calls::CallError;
use crate::checks::spec::{Context, needed};
use crate::checks::{Subject, Verdict};
use crate::embed::{Embeddings, cosine};
use crate::error::Error;
use crate::spec::CheckSpec;

/// Cosine from which on a text carries a claim, where the numbers agree.
const CARRIES: f64 = 0.75;

/// What is compared with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// The answer with what is right: the nearest reference counts.
    Similarity,
    /// The answer with the question.
    Relevancy,
    /// The answer's claims with the documents: the lexical rule, or a near text with the same numbers.
    Support,
}

impl Compared {
    pub(crate) const NAMES: [(&str, Compared); 3] =
        [("semantic_similarity", Compared::Similarity), ("answer_relevancy", Compared::Relevancy), ("claim_support", Compared::Support)];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, compared)| *compared)
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, compared)| *compared == self).map_or("", |(name, _)| name)
    }
}

/// `semantic_similarity`, `answer_relevancy`, `claim_support`.
#[derive(Debug, Clone)]
pub(crate) struct Semantic {
    pub compared: Compared,
    answer: String,
    /// Column that the answer is compared with.
    other: String,
    embeddings: Arc<Embeddings>,
}

impl Semantic {
    pub(crate) fn new(compared: Compared, answer: String, spec: &CheckSpec, context: &Context<'_>) -> Result<Self, Error> {
        let name = compared.name();
        let other = match compared {
            Compared::Similarity => needed(spec.reference.as_ref(), "reference", name, context)?,
            Compared::Relevancy => spec.question.clone().unwrap_or_else(|| "question".to_owned()),
            Compared::Support => needed(spec.sources.as_ref(), "sources", name, context)?,
        };
        context.dataset.expect_column(&context.place, &other)?;
        let id = spec.model.as_ref().ok_or_else(|| context.error(&format!("{name} needs `model`, such as local:<directory> of a BERT model")))?;
        let settings = crate::target::settings(&context.place, spec.config.as_ref())?;
        let base = context.files.bases().first().cloned().unwrap_or_default();
        let embeddings =
            Embeddings::parse(id, &settings, &base, context.connector, context.env).map_err(|error| context.error(&error.to_string()))?;
        Ok(Self { compared, answer, other, embeddings: Arc::new(embeddings) })
    }

    pub(crate) fn signature(&self) -> String {
        format!("{} {}", self.compared.name(), self.embeddings.name())
    }

    pub(crate) async fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        let Some(answer) = subject.text(&self.answer) else { return Verdict::not_applicable("no answer to compare") };
        let others: Vec<String> = match self.compared {
            Compared::Relevancy => subject.text(&self.other).map(String::from).into_iter().collect(),
            Compared::Similarity | Compared::Support => subject.texts(&self.other),
        };
        let others: Vec<String> = others.into_iter().filter(|text| !text.trim().is_empty()).collect();
        if others.is_empty() {
            return Verdict::not_applicable(format!("nothing in {:?} to compare with", self.other));
        }
        if answer.trim().is_empty() {
            return match self.compared {
                Compared::Support => Verdict::not_applicable("the answer claims nothing"),
                Compared::Similarity | Compared::Relevancy => Verdict::value(0.0, "the answer is empty".to_owned()),
            };
        }
        let judged = match self.compared {
            Compared::Support => self.support(&answer, &others).await,
            Compared::Similarity | Compared::Relevancy => self.nearest(&answer, &others).await,
        };
        judged.unwrap_or_else(|error| Verdict::failed(error.to_string()))
    }

    /// The cosine with the nearest of the texts; an angle beyond a right one counts as that.
    async fn nearest(&self, answer: &str, others: &[String]) -> Result<Verdict, CallError> {
        let texts: Vec<&str> = std::iter::once(answer).chain(others.iter().map(String::as_str)).collect();
        let vectors = self.embeddings.embed(&texts).await?;
        let best = vectors[1..].iter().map(|other| cosine(&vectors[0], other)).fold(0.0, f64::max);
        Ok(Verdict::value(best, String::new()))
    }

    async fn support(&self, answer: &str, sources: &[String]) -> Result<Verdict, CallError> {
        let Some(lexical) = groundedness(answer, sources) else { return Ok(Verdict::not_applicable("the answer claims nothing")) };
        let windows = windows(sources);
        let claims: Vec<&str> = lexical.unsupported().map(|claim| claim.text.as_str()).collect();
        let texts: Vec<&str> = claims.iter().copied().chain(windows.iter().map(String::as_str)).collect();
        let vectors = if claims.is_empty() { Vec::new() } else { self.embeddings.embed(&texts).await? };
        let (of_claims, of_windows) = vectors.split_at(claims.len().min(vectors.len()));
        let is_near = |claim: &str, vector: &[f32]| {
            let mut near = windows.iter().zip(of_windows).filter(|(_, window)| cosine(vector, window) >= CARRIES);
            near.any(|(window, _)| missing_in(claim, window).is_empty())
        };
        let open: Vec<String> =
            claims.iter().zip(of_claims).filter(|(claim, vector)| !is_near(claim, vector)).map(|(claim, _)| format!("{claim:?}")).collect();
        let supported = lexical.claims.len() - open.len();
        let shown = open.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        let reason = if shown.is_empty() { shown } else { format!("not in the sources: {shown}") };
        Ok(Verdict::value(supported as f64 / lexical.claims.len() as f64, reason))
    }
}
