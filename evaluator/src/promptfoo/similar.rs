//! `similar`: how near the answer is to a text, by the vectors of both.

use std::sync::Arc;

use serde_json::Value;

use crate::calls::CallError;
use crate::checks::{Context, Subject, Verdict};
use crate::embed::{Embeddings, dot, unit};
use crate::promptfoo::Assert;
use crate::promptfoo::asserts::Grade;
use crate::promptfoo::grader::{Gives, Grader};
use crate::spec::CheckSpec;

/// The threshold where the assertion has none, whatever is measured.
const THRESHOLD: f64 = 0.75;
/// The model that promptfoo asks where none is named.
const DEFAULT_MODEL: &str = "openai:embedding:text-embedding-3-large";

/// What is measured between two vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Cosine,
    Dot,
    Euclidean,
}

/// `similar`, `similar:cosine`, `similar:dot`, `similar:euclidean`.
#[derive(Debug, Clone)]
pub(crate) struct Similar {
    assert: Assert,
    metric: Metric,
    embeddings: Arc<Embeddings>,
}

impl Metric {
    /// What a kind of assertion measures, where it measures a distance at all.
    pub(super) fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            "similar" | "similar:cosine" => Some(Self::Cosine),
            "similar:dot" => Some(Self::Dot),
            "similar:euclidean" => Some(Self::Euclidean),
            _ => None,
        }
    }

    fn between(self, a: &[f32], b: &[f32]) -> f64 {
        match self {
            Self::Cosine => dot(&unit(a.to_vec()), &unit(b.to_vec())),
            Self::Dot => dot(a, b),
            Self::Euclidean => a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt(),
        }
    }

    /// The verdict on what was measured; a distance is good when it is small.
    fn grade(self, found: f64, threshold: f64, inverse: bool) -> Grade {
        let (pass, score) = match (self, inverse) {
            (Self::Euclidean, false) => (found <= threshold + f64::EPSILON, 1.0 / (1.0 + found)),
            (Self::Euclidean, true) => (found >= threshold - f64::EPSILON, 1.0 - 1.0 / (1.0 + found)),
            (_, false) => (found >= threshold - f64::EPSILON, found),
            (_, true) => (found <= threshold + f64::EPSILON, 1.0 - found),
        };
        let what = if self == Self::Euclidean { "distance" } else { "similarity" };
        let reason = if pass { String::new() } else { format!("the {what} is {found:.4}, the threshold {threshold}") };
        Grade { pass, score, value: Some(score.clamp(0.0, 1.0)), reason }
    }
}

impl Similar {
    /// Makes the check, or says why it cannot be made.
    pub(super) fn new(assert: &Assert, metric: Metric, spec: &CheckSpec, context: &Context<'_>) -> Result<Self, String> {
        let kind = assert.kind();
        let missing = || {
            format!(
                "{kind} needs a model of embeddings: name one in `provider` or defaultTest.options.provider ({{embedding: openai:embedding:<model>}}), \
                 or use `check: semantic_similarity`"
            )
        };
        let default = || {
            let endpoint = context.connector.endpoint(None, None, context.env).ok().flatten();
            endpoint.map(|_| Grader { id: DEFAULT_MODEL.to_owned(), config: None })
        };
        let named = Grader::of(spec.provider.as_ref(), Gives::Embedding);
        let grader = if spec.provider.is_some() { named } else { default() }.ok_or_else(missing)?;
        let settings = crate::target::settings(&context.place, grader.config.as_ref()).map_err(|error| error.to_string())?;
        let base = context.files.bases().first().cloned().unwrap_or_default();
        let embeddings =
            Embeddings::parse(&grader.id, &settings, &base, context.connector, context.env).map_err(|error| format!("{kind}: {error}"))?;
        Ok(Self { assert: assert.clone(), metric, embeddings: Arc::new(embeddings) })
    }

    pub(crate) fn signature(&self) -> String {
        format!("promptfoo-0.123 {} {}", self.assert.kind, self.embeddings.name())
    }

    /// Judges an answer: near to one of the texts, and with `not-` to none of them.
    pub(crate) async fn verdict(&self, subject: &Subject<'_>) -> Verdict {
        self.assert.as_verdict(self.grade(subject).await)
    }

    async fn grade(&self, subject: &Subject<'_>) -> Result<Grade, String> {
        let wrong = || format!("{:?} must have a text or a list of texts as its value", self.assert.kind);
        let prepared = self.assert.prepared(subject)?;
        let texts = match &prepared.value {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(items)) if !items.is_empty() => items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?,
            _ => return Err(wrong()),
        };
        let output = prepared.output.as_deref().unwrap_or(subject.output);
        self.nearest(output, &texts).await.map_err(|error| error.to_string())
    }

    async fn nearest(&self, output: &str, texts: &[&str]) -> Result<Grade, CallError> {
        let all: Vec<&str> = std::iter::once(output).chain(texts.iter().copied()).collect();
        let vectors = self.embeddings.embed_as_given(&all).await?;
        let (threshold, inverse) = (self.assert.threshold.unwrap_or(THRESHOLD), self.assert.inverse);
        let grades = vectors[1..].iter().map(|other| self.metric.grade(self.metric.between(other, &vectors[0]), threshold, inverse));
        // The one that decides: the first that passes, and with `not-` the first that does not; else the one that is best, or worst.
        let deciding = |best: Grade, next: Grade| match best.pass != inverse || (next.pass == best.pass && (next.score > best.score) == inverse) {
            true => best,
            false => next,
        };
        grades.reduce(deciding).ok_or_else(|| CallError::Malformed("there is no text to compare with".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(metric: Metric, found: f64, inverse: bool, pass: bool, score: f64) {
        let grade = metric.grade(found, THRESHOLD, inverse);
        assert_eq!((grade.pass, grade.score), (pass, score), "{metric:?} {found} {inverse}");
    }

    #[test]
    fn grades_are_promptfoos() {
        check(Metric::Cosine, 0.75, false, true, 0.75);
        check(Metric::Cosine, 0.5, false, false, 0.5);
        check(Metric::Cosine, 0.5, true, true, 0.5);
        check(Metric::Dot, 0.75, true, true, 0.25);
        check(Metric::Euclidean, 0.0, false, true, 1.0);
        check(Metric::Euclidean, 1.0, false, false, 0.5);
        check(Metric::Euclidean, 1.0, true, true, 0.5);
    }

    #[test]
    fn vectors_are_measured_as_they_are() {
        let (a, b) = ([3.0, 4.0], [6.0, 8.0]);
        assert!((Metric::Cosine.between(&a, &b) - 1.0).abs() < 1e-6);
        assert_eq!((Metric::Dot.between(&a, &b), Metric::Euclidean.between(&a, &b)), (50.0, 5.0));
    }
}
