//! What the judges of a run were worth: coverage, agreement, corrected rates, and whether they moved since the baseline.

use measure::judge::{Calibration, Corrected, control_length, jurors_worth, krippendorff_alpha, ppi_rate, rogan_gladen, spearman};
use measure::test::paired_t;
use serde::{Deserialize, Serialize};

use crate::judge::Note;

/// Least probability of the verdicts' tokens at which weights are believed, and the share of calls that should reach it.
const MASS_MIN: f64 = 0.9;
const MASS_SHARE_MIN: f64 = 0.95;
/// A judge whose preference flips more often than this prefers places.
const FLIPS_MAX: f64 = 0.15;
/// Youden's J below which a judge is not corrected but refused.
const YOUDEN_MIN: f64 = 0.4;
/// Labelled cases from which on the judge's mean is corrected by them.
const LABELS_MIN: usize = 10;
/// How the warnings begin that are about the baseline.
const ANOTHER: &str = "the judge is another one than the baseline's";
const MOVED: &str = "the judge moved";

/// What the judge of one metric was worth in a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JudgeReport {
    /// The metric.
    pub metric: String,
    /// The models, as the suite names them.
    pub models: Vec<String>,
    /// Hash of models, rubric and prompts.
    pub hash: String,
    /// Answers that got a verdict.
    pub n_judged: usize,
    /// Answers that got none: abstentions, unreadable answers, failed calls.
    pub n_unjudged: usize,
    /// Share of the comparisons that turned around with the order of the answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flips: Option<f64>,
    /// Share of the weighed verdicts whose tokens had nine tenths of the probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighed: Option<f64>,
    /// Rank correlation of preference and length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_correlation: Option<f64>,
    /// Mean preference at equal lengths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_equal_length: Option<f64>,
    /// Share of the decided claims that the sources contradict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contradicted: Option<f64>,
    /// Claims and quotes of the judge's that do not stand where it said.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_misquoted: usize,
    /// Krippendorff's alpha of a jury.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Cases on which not every judge of the jury gave a verdict.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_short: usize,
    /// Independent jurors that the jury is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurors_worth: Option<f64>,
    /// The mean, corrected by what people said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<CorrectedMean>,
    /// The verdicts on the anchors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<AnchorVerdict>,
    /// How the anchors moved since the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// What a reader has to know before believing the metric.
    pub warnings: Vec<String>,
}

/// A judge's mean, corrected by human labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrectedMean {
    /// `ppi++` (labels of cases of this run) or `rogan_gladen` (labels of anchors).
    pub method: String,
    /// The estimate.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// Labels that it rests on.
    pub n_labels: usize,
}

/// What the judge said about an anchor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnchorVerdict {
    /// The anchor.
    pub id: String,
    /// The verdict's value, where there was one.
    pub value: Option<f64>,
    /// What people said.
    pub label: Option<f64>,
}

/// By how much the verdicts on the same anchors differ from the baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Mean difference.
    pub by: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// Anchors that both runs judged.
    pub n: usize,
}

/// What is known about one metric's judge at the end of a run.
pub(crate) struct Material<'a> {
    pub metric: &'a str,
    pub models: &'a [String],
    pub hash: &'a str,
    /// The candidate's name, against judges who judge their own kin.
    pub candidates: Vec<&'a str>,
    /// The values of the answers.
    pub values: Vec<Option<f64>>,
    /// What people said about the same answers.
    pub labels: Vec<Option<f64>>,
    pub notes: Vec<&'a Note>,
    pub anchors: Vec<AnchorVerdict>,
    /// The same judge in the baseline.
    pub before: Option<&'a JudgeReport>,
}

impl JudgeReport {
    pub(crate) fn of(material: &Material<'_>) -> Self {
        let n_judged = material.values.iter().flatten().count();
        let notes = &material.notes;
        let mut report = Self {
            metric: material.metric.to_owned(),
            models: material.models.to_vec(),
            hash: material.hash.to_owned(),
            n_judged,
            n_unjudged: material.values.len() - n_judged,
            flips: share(notes.iter().filter_map(|note| note.flipped)),
            weighed: share(notes.iter().filter_map(|note| note.mass).map(|mass| mass >= MASS_MIN)),
            contradicted: mean(notes.iter().filter_map(|note| note.contradicted)),
            n_misquoted: notes.iter().map(|note| note.n_misquoted).sum(),
            anchors: material.anchors.clone(),
            ..Self::default()
        };
        report.compare_lengths(notes);
        report.compare_jurors(notes);
        report.correct(material);
        report.warn(material);
        report.against(material.before)
    }

    fn compare_lengths(&mut self, notes: &[&Note]) {
        let (preferences, longer_by): (Vec<f64>, Vec<f64>) = notes.iter().filter_map(|note| note.preference.zip(note.longer_by)).unzip();
        self.length_correlation = spearman(&preferences, &longer_by).ok().flatten();
        self.at_equal_length = control_length(&preferences, &longer_by).ok().map(|found| found.preference);
    }

    fn compare_jurors(&mut self, notes: &[&Note]) {
        let rows: Vec<Vec<Option<f64>>> = notes.iter().map(|note| note.jurors.clone()).filter(|jurors| jurors.len() > 1).collect();
        self.alpha = krippendorff_alpha(&rows).ok();
        self.jurors_worth = jurors_worth(&rows).ok();
        self.n_short = rows.iter().filter(|row| row.iter().any(Option::is_none)).count();
    }

    /// Labels of cases of the run go before labels of anchors, which are of another population.
    fn correct(&mut self, material: &Material<'_>) {
        let labelled = |(value, label): (&Option<f64>, &Option<f64>)| Some(((*label)?, (*value)?));
        let (labels, judged): (Vec<f64>, Vec<f64>) = material.values.iter().zip(&material.labels).filter_map(labelled).unzip();
        let is_open = |(value, label): (&Option<f64>, &Option<f64>)| label.is_none().then_some(*value).flatten();
        let unlabelled: Vec<f64> = material.values.iter().zip(&material.labels).filter_map(is_open).collect();
        if labels.len() >= LABELS_MIN {
            self.corrected = ppi_rate(&labels, &judged, &unlabelled, 0.95).ok().map(|found| corrected("ppi++", found, labels.len()));
            return;
        }
        let Some((calibration, n_labels)) = calibration(&material.anchors) else { return };
        if calibration.youden() < YOUDEN_MIN {
            let what = format!(
                "on its {n_labels} labelled anchors it is hardly better than a guess (J = {:.2}, wanted {YOUDEN_MIN}): its rate is not corrected, and should not gate",
                calibration.youden()
            );
            self.warnings.push(what);
            return;
        }
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let good = material.values.iter().flatten().filter(|value| **value >= 0.5).count();
        let found = rogan_gladen(count(good), count(self.n_judged), &calibration, 0.95).ok();
        self.corrected = found.map(|found| corrected("rogan_gladen", found, n_labels));
    }

    fn warn(&mut self, material: &Material<'_>) {
        if self.corrected.is_none() && self.warnings.is_empty() {
            self.warnings.push(format!("uncalibrated: no {LABELS_MIN} human labels tell how often it is right (`labels`, `anchors`)"));
        }
        if let Some(flips) = self.flips.filter(|flips| *flips > FLIPS_MAX) {
            self.warnings.push(format!("{:.0} % of its preferences turned around with the order of the answers", 100.0 * flips));
        }
        if let Some(weighed) = self.weighed.filter(|weighed| *weighed < MASS_SHARE_MIN) {
            self.warnings.push(format!(
                "in {:.0} % of the calls its verdicts had less than nine tenths of the probability, and it was sampled instead",
                100.0 * (1.0 - weighed)
            ));
        }
        let kin = |model: &&String| material.candidates.iter().any(|candidate| family(candidate).is_some() && family(candidate) == family(model));
        if let Some(model) = material.models.iter().find(kin) {
            self.warnings.push(format!("{model} judges a model of its own family, which it may prefer"));
        }
    }

    /// Holds the judge against that of a baseline, whatever it was held against before.
    pub(crate) fn against(mut self, before: Option<&JudgeReport>) -> Self {
        self.warnings.retain(|warning| !warning.starts_with(ANOTHER) && !warning.starts_with(MOVED));
        if before.is_some_and(|before| before.hash != self.hash) {
            self.warnings.push(format!("{ANOTHER} (model, rubric or prompt): the two runs' values are not comparable"));
        }
        self.moved = before.and_then(|before| moved(&before.anchors, &self.anchors));
        if let Some(moved) = self.moved.filter(|moved| moved.interval[0] > 0.0 || moved.interval[1] < 0.0) {
            let [low, high] = moved.interval;
            self.warnings.push(format!(
                "{MOVED}: on the same {} anchors by {:+.3} ({low:+.3} {high:+.3}); that much of the metric's change is the judge's, not the app's",
                moved.n, moved.by
            ));
        }
        self
    }

    /// Says what the judge was worth, but for its warnings.
    pub(crate) fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        // The tables do not say which models they were.
        let by = if self.models.is_empty() { String::new() } else { format!(" by {}", self.models.join(", ")) };
        let mut parts = vec![format!("{} of {} judged{by}", self.n_judged, self.n_judged + self.n_unjudged)];
        if let Some(CorrectedMean { method, mean, interval: [low, high], n_labels }) = &self.corrected {
            parts.push(format!("{mean:.3} ({low:.3} {high:.3}) corrected by {n_labels} labels ({method})"));
        }
        parts.extend(self.flips.map(|flips| format!("{} turned around with the order", percent(flips))));
        parts.extend(self.at_equal_length.map(|preference| format!("{preference:.3} at equal lengths")));
        parts.extend(self.length_correlation.map(|rho| format!("rank correlation with length {rho:+.2}")));
        parts.extend(self.contradicted.map(|share| format!("{} of the claims contradicted", percent(share))));
        parts.extend((self.n_misquoted > 0).then(|| format!("{} misquotes of the judge's", self.n_misquoted)));
        parts.extend((self.n_short > 0).then(|| format!("{} without a verdict of each judge", self.n_short)));
        parts.extend(self.alpha.map(|alpha| format!("alpha {alpha:.2}")));
        parts.extend(self.jurors_worth.map(|worth| format!("the jury is worth {worth:.1} jurors")));
        format!("judge of {}: {}", self.metric, parts.join("; "))
    }
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn corrected(method: &str, found: Corrected, n_labels: usize) -> CorrectedMean {
    CorrectedMean { method: method.to_owned(), mean: found.mean, interval: [found.interval.low, found.interval.high], n_labels }
}

fn share(flags: impl Iterator<Item = bool>) -> Option<f64> {
    mean(flags.map(|flag| if flag { 1.0 } else { 0.0 }))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0_u32);
    for value in values {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / f64::from(n))
}

/// How often the judge was right on labelled anchors; nothing without both kinds of them.
fn calibration(anchors: &[AnchorVerdict]) -> Option<(Calibration, usize)> {
    let pairs: Vec<(bool, bool)> = anchors.iter().filter_map(|anchor| Some((anchor.label? >= 0.5, anchor.value? >= 0.5))).collect();
    let count =
        |wanted: &dyn Fn(bool, bool) -> bool| u64::try_from(pairs.iter().filter(|(label, value)| wanted(*label, *value)).count()).unwrap_or(0);
    let calibration = Calibration {
        true_good: count(&|label, value| label && value),
        n_good: count(&|label, _| label),
        true_bad: count(&|label, value| !label && !value),
        n_bad: count(&|label, _| !label),
    };
    (calibration.n_good > 0 && calibration.n_bad > 0 && pairs.len() >= LABELS_MIN).then_some((calibration, pairs.len()))
}

fn moved(before: &[AnchorVerdict], now: &[AnchorVerdict]) -> Option<Moved> {
    let of = |id: &str| before.iter().find(|anchor| anchor.id == id).and_then(|anchor| anchor.value);
    let differences: Vec<f64> = now.iter().filter_map(|anchor| Some(anchor.value? - of(&anchor.id)?)).collect();
    let interval = paired_t(&differences).ok()?.interval(0.95);
    let by = mean(differences.iter().copied())?;
    Some(Moved { by, interval: [interval.low, interval.high], n: differences.len() })
}

/// The first word of a model's name that is a family, such as `llama` in `meta-llama/Llama-3-8B`.
fn family(model: &str) -> Option<&'static str> {
    const FAMILIES: [&str; 16] = [
        "gpt", "claude", "llama", "qwen", "mistral", "mixtral", "gemma", "gemini", "deepseek", "phi", "command", "nova", "titan", "granite", "glm",
        "kimi",
    ];
    let name = model.to_lowercase();
    FAMILIES.into_iter().find(|family| name.contains(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors(values: &[(Option<f64>, Option<f64>)]) -> Vec<AnchorVerdict> {
        values.iter().enumerate().map(|(index, (value, label))| AnchorVerdict { id: format!("a{index}"), value: *value, label: *label }).collect()
    }

    fn material<'a>(values: Vec<Option<f64>>, labels: Vec<Option<f64>>, anchors: Vec<AnchorVerdict>) -> Material<'a> {
        Material { metric: "m", models: &[], hash: "h", candidates: Vec::new(), values, labels, notes: Vec::new(), anchors, before: None }
    }

    /// Labels of the run's own cases correct the mean; without them labelled anchors do; without either the judge is called uncalibrated.
    #[test]
    fn the_mean_is_corrected_by_what_people_said() {
        let values: Vec<Option<f64>> = (0..100).map(|i| Some(f64::from(u8::from(i % 5 != 0)))).collect();
        let labels: Vec<Option<f64>> = (0..100).map(|i| (i < 20).then(|| f64::from(u8::from(i % 2 == 0)))).collect();
        let found = JudgeReport::of(&material(values.clone(), labels, Vec::new()));
        let mean = found.corrected.unwrap();
        assert_eq!((mean.method.as_str(), mean.n_labels), ("ppi++", 20));
        assert!(mean.interval[0] < mean.mean && mean.mean < mean.interval[1] && mean.mean < 0.7);
        let none = vec![None; 100];
        let sure: Vec<_> = (0..20).map(|i| (Some(f64::from(u8::from(i < 10))), Some(f64::from(u8::from(i < 10))))).collect();
        let found = JudgeReport::of(&material(values.clone(), none.clone(), anchors(&sure)));
        assert_eq!(found.corrected.unwrap().method, "rogan_gladen");
        assert!(JudgeReport::of(&material(values.clone(), none.clone(), Vec::new())).warnings[0].contains("uncalibrated"));
        let guess: Vec<_> = (0..20).map(|i| (Some(f64::from(u8::from(i % 2 == 0))), Some(f64::from(u8::from(i < 10))))).collect();
        let found = JudgeReport::of(&material(values, none, anchors(&guess)));
        assert!(found.corrected.is_none() && found.warnings[0].contains("hardly better than a guess"), "{:?}", found.warnings);
    }

    /// Anchors that stand still say that the app moved; anchors that moved say that the judge did.
    #[test]
    fn anchors_tell_the_judge_from_the_app() {
        let before = JudgeReport { anchors: anchors(&[(Some(1.0), None); 30]), hash: "h".to_owned(), ..JudgeReport::default() };
        let now = |n_fallen: usize| anchors(&(0..30).map(|i| (Some(if i < n_fallen { 0.0 } else { 1.0 }), None)).collect::<Vec<_>>());
        let told = |n_fallen| {
            let found = JudgeReport::of(&Material { before: Some(&before), ..material(vec![Some(0.0)], vec![None], now(n_fallen)) });
            found.warnings.iter().any(|warning| warning.contains("the judge moved"))
        };
        assert_eq!((told(0), told(1), told(12), told(30)), (false, false, true, true));
    }

    #[test]
    fn a_judge_of_its_own_kin_is_named() {
        let models = ["openai:chat:qwen3-32b".to_owned()];
        let kin = |candidate| {
            let found =
                JudgeReport::of(&Material { models: &models, candidates: vec![candidate], ..material(vec![Some(1.0)], vec![None], Vec::new()) });
            found.warnings.iter().any(|warning| warning.contains("own family"))
        };
        assert!(kin("openai:chat:Qwen/Qwen2.5-7B") && !kin("openai:chat:gpt-4o") && !kin("exec:./app"));
    }
}
