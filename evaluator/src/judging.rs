//! What a run does about its judges beside asking them: their anchors, and what they were worth.

use futures::StreamExt;
use serde_json::Value;

use crate::checks::{Judged, Outcome};
use crate::error::Error;
use crate::judge::{Anchor, AnchorVerdict, Asked, Call, JudgeReport, Worth, is_judged};
use crate::report::ScoreReport;
use crate::run::Options;
use crate::runner::{Done, Runner};
use crate::suite::Suite;

/// The anchors of one judge, judged in this run.
pub(crate) struct Anchored {
    metric: String,
    verdicts: Vec<AnchorVerdict>,
    pub calls: Vec<Call>,
}

/// Judges the anchors of every judge that has some.
pub(crate) async fn judge_anchors(suite: &Suite, options: &Options<'_>, runner: &Runner<'_>) -> Result<Vec<Anchored>, Error> {
    let mut anchored = Vec::new();
    for (metric, judge) in suite.judges() {
        let Some(anchors) = judge.anchors().filter(|_| !runner.is_spent()) else { continue };
        let asked = futures::stream::iter(&anchors.0).map(|anchor| judge.judge(&anchor.material, anchor.against.as_deref()));
        let asked: Vec<Result<Asked, Error>> = asked.buffered(options.config.concurrency.max(1)).collect().await;
        let asked = asked.into_iter().collect::<Result<Vec<_>, _>>()?;
        let verdict = |(anchor, asked): (&Anchor, &Asked)| AnchorVerdict { id: anchor.id.clone(), value: asked.verdict.value, label: anchor.label };
        let verdicts = anchors.0.iter().zip(&asked).map(verdict).collect();
        let purpose = format!("{metric} (anchors)");
        let calls: Vec<Call> = asked.into_iter().flat_map(|asked| asked.calls).map(|call| Call { purpose: purpose.clone(), ..call }).collect();
        runner.spend_on(&calls);
        anchored.push(Anchored { metric: metric.to_owned(), verdicts, calls });
    }
    Ok(anchored)
}

/// What each judge was worth.
pub(crate) fn judge_reports(suite: &Suite, done: &[Done], anchored: &[Anchored]) -> Vec<JudgeReport> {
    let before = suite.baseline.as_ref().map_or(&[][..], |baseline| baseline.report.judges.as_slice());
    let report = |(metric, judge): (&str, &Judged)| {
        let own = |score: &&ScoreReport| score.metric == metric && is_judged(&score.check) && score.outcome != Outcome::NotApplicable;
        let scored = || done.iter().flat_map(|done| done.report.scores.iter().filter(own).map(move |score| (done, score)));
        let label = |done: &Done| judge.labels().and_then(|column| suite.dataset.cases[done.case].vars.get(column)).and_then(label_of);
        JudgeReport::of(&Worth {
            metric,
            models: judge.models(),
            hash: judge.hash(),
            candidates: suite.providers.iter().map(|provider| provider.id.as_str()).collect(),
            values: scored().map(|(_, score)| score.value).collect(),
            labels: scored().map(|(done, _)| label(done)).collect(),
            notes: done.iter().flat_map(|done| &done.notes).filter(|(name, _)| name == metric).map(|(_, note)| note).collect(),
            anchors: anchored.iter().find(|anchored| anchored.metric == metric).map_or_else(Vec::new, |anchored| anchored.verdicts.clone()),
            before: before.iter().find(|report| report.metric == metric),
        })
    };
    suite.judges().into_iter().map(report).collect()
}

/// A label in a column: a number, or yes and no.
fn label_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Bool(label) => f64::from(u8::from(*label)),
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    (0.0..=1.0).contains(&number).then_some(number)
}
