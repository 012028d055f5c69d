//! Which of the things that changed explains how far the mean moved: pure arithmetic over the parts of the window and of the time before.
//!
//! The change of a mean over parts is `Δ = Σ w₁ₖ·m₁ₖ − Σ w₀ₖ·m₀ₖ`. What is new (a version, a prompt, a model with less than 2 % before and at
//! least a fifth now) explains `w₁ₖ·(m₁ₖ − m₀)/Δ` of it, if the rest did not move half as far by itself; a shift of the mix explains
//! `Σ (w₁ₖ − w₀ₖ)·(m₀ₖ − m₀)/Δ`. Half of Δ is enough to name a cause. The judge comes first: if answers that never change
//! (the anchor set) score otherwise, or another judge scores, nothing is known of the app. Then the provider: prompts that never change
//! (`canary...`) and are answered otherwise.

use std::collections::BTreeMap;

use schema::Micros;
use serde::Deserialize;

/// Share of Δ from which a cause is named.
const ENOUGH: f64 = 0.5;
/// Share before up to which something counts as new.
const NEW_BELOW: f64 = 0.02;
/// Share now from which something new is looked at.
const SEEN_ABOVE: f64 = 0.2;
/// Observations that a mean needs to count.
const N_MIN: f64 = 5.0;

/// What most likely changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Who asks for what.
    Traffic,
    /// The app: its version, or its prompt.
    App,
    /// The model that answers.
    Model,
    /// Who gives the scores.
    Judge,
    /// Nothing that was seen.
    Unknown,
}

impl Cause {
    pub fn name(self) -> &'static str {
        match self {
            Cause::Traffic => "traffic",
            Cause::App => "app",
            Cause::Model => "model",
            Cause::Judge => "judge",
            Cause::Unknown => "unknown",
        }
    }
}

/// A row of `parts.sql`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Part {
    pub is_current: bool,
    pub service: String,
    pub version: String,
    pub prompt: String,
    pub model: String,
    pub n: f64,
    pub mean: Option<f64>,
    pub first_us: i64,
}

/// A row of `judge.sql`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Judged {
    pub is_current: bool,
    pub judge: String,
    pub is_anchor: bool,
    pub n: f64,
    pub mean: Option<f64>,
    pub first_us: i64,
}

/// What is said of the cause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explanation {
    pub cause: Cause,
    /// For the summary; empty where there is nothing to say.
    pub sentence: String,
    /// Share of the change that it explains.
    pub explained: Option<f64>,
    /// When it was seen first, RFC 3339.
    pub since: Option<String>,
}

impl Explanation {
    pub fn unknown() -> Self {
        Self { cause: Cause::Unknown, sentence: String::new(), explained: None, since: None }
    }
}

/// Names the cause.
pub(super) fn explain(parts: &[Part], judged: &[Judged]) -> Explanation {
    let all = sums(parts, |_| true);
    let Some(moved) = all.moved() else { return Explanation::unknown() };
    if let Some(judge) = judge(judged, moved) {
        return judge;
    }
    let canaries = sums(parts, |part| part.prompt.starts_with("canary"));
    let canary = canaries.moved().filter(|_| canaries.is_enough());
    if let Some(canary) = canary.filter(|canary| canary / moved >= ENOUGH) {
        let sentence = "prompts that never change (canary) are answered otherwise too: the provider's model changed, not the app".to_owned();
        return Explanation { cause: Cause::Model, sentence, explained: Some(canary / moved), since: None };
    }
    let app: Vec<Part> = parts.iter().filter(|part| !part.prompt.starts_with("canary")).cloned().collect();
    let found = new_things(&app).or_else(|| mix(&app));
    let mut found = found.unwrap_or_else(|| Explanation {
        sentence: "no version, prompt, model or mix of traffic changed that would explain it".to_owned(),
        ..Explanation::unknown()
    });
    if canary.is_some() {
        found.sentence.push_str("; the provider's model is not it: canary prompts are answered as before");
    }
    found
}

/// Counts and means of some parts, before (0) and now (1).
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: [f64; 2],
    total: [f64; 2],
    first_us: Option<i64>,
}

impl Sums {
    fn add(&mut self, is_current: bool, n: f64, mean: f64, first_us: i64) {
        let side = usize::from(is_current);
        self.n[side] += n;
        self.total[side] += n * mean;
        self.first_us = Some(self.first_us.map_or(first_us, |first| first.min(first_us)));
    }

    fn mean(&self, side: usize) -> Option<f64> {
        (self.n[side] > 0.0).then(|| self.total[side] / self.n[side])
    }

    fn is_enough(&self) -> bool {
        self.n[0] >= N_MIN && self.n[1] >= N_MIN
    }

    fn moved(&self) -> Option<f64> {
        Some(self.mean(1)? - self.mean(0)?).filter(|moved| moved.abs() > 1e-12)
    }
}

fn sums(parts: &[Part], keep: impl Fn(&Part) -> bool) -> Sums {
    let mut sums = Sums::default();
    for part in parts.iter().filter(|part| keep(part)) {
        if let Some(mean) = part.mean {
            sums.add(part.is_current, part.n, mean, part.first_us);
        }
    }
    sums
}

fn judge(judged: &[Judged], moved: f64) -> Option<Explanation> {
    let (mut anchors, mut judges) = (Sums::default(), BTreeMap::<&str, Sums>::new());
    for row in judged {
        let Some(mean) = row.mean else { continue };
        if row.is_anchor {
            anchors.add(row.is_current, row.n, mean, row.first_us);
        } else {
            judges.entry(&row.judge).or_default().add(row.is_current, row.n, mean, row.first_us);
        }
    }
    if let Some(anchor) = anchors.moved().filter(|anchor| anchors.is_enough() && anchor / moved >= ENOUGH) {
        let sentence = "answers that never change (the anchor set) score otherwise too: the judge moved, the app did not".to_owned();
        return Some(Explanation { cause: Cause::Judge, sentence, explained: Some(anchor / moved), since: None });
    }
    let total = |side: usize| judges.values().map(|sums| sums.n[side]).sum::<f64>().max(1.0);
    let (before, now) = (total(0), total(1));
    let is_new = |sums: &&Sums| sums.n[0] / before < NEW_BELOW && sums.n[1] / now >= ENOUGH;
    let (name, sums) = judges.iter().find(|(_, sums)| before > 1.0 && is_new(sums))?;
    let sentence = format!("since the judge {}, which scored nothing before: scores of two judges are not one series", name.trim());
    Some(Explanation { cause: Cause::Judge, sentence, explained: None, since: since(sums) })
}

/// A thing that calls can be told apart by.
struct Dimension {
    cause: Cause,
    word: &'static str,
    key: fn(&Part) -> &str,
}

/// In this order where two explain the same: a deployment often brings a model along.
const DIMENSIONS: [Dimension; 4] = [
    Dimension { cause: Cause::App, word: "prompt", key: |part| &part.prompt },
    Dimension { cause: Cause::App, word: "version", key: |part| &part.version },
    Dimension { cause: Cause::Model, word: "model", key: |part| &part.model },
    Dimension { cause: Cause::Traffic, word: "service", key: |part| &part.service },
];

fn by_key(parts: &[Part], key: fn(&Part) -> &str) -> BTreeMap<&str, Sums> {
    let mut keys: BTreeMap<&str, Sums> = BTreeMap::new();
    for part in parts {
        if let Some(mean) = part.mean {
            keys.entry(key(part)).or_default().add(part.is_current, part.n, mean, part.first_us);
        }
    }
    keys
}

/// The kind of thing of which new ones explain most: often one, sometimes several, such as the larger siblings that a router prefers.
fn new_things(parts: &[Part]) -> Option<Explanation> {
    let all = sums(parts, |_| true);
    let (moved, before) = (all.moved()?, all.mean(0)?);
    let mut best: Option<(f64, Explanation)> = None;
    for dimension in &DIMENSIONS {
        let keys = by_key(parts, dimension.key);
        let is_new = |name: &str| !name.is_empty() && keys.get(name).is_some_and(|one| one.n[0] / all.n[0] < NEW_BELOW && one.n[1] >= N_MIN);
        let new = sums(parts, |part| is_new((dimension.key)(part)));
        let share = new.n[1] / all.n[1];
        let Some(mean) = new.mean(1).filter(|_| share >= SEEN_ABOVE) else { continue };
        let rest = sums(parts, |part| !is_new((dimension.key)(part)));
        let alone = rest.mean(1).is_none_or(|rest| rest_stayed(rest, mean, before)) || share > 0.9;
        let explained = share * (mean - before) / moved;
        if alone && explained >= ENOUGH && best.as_ref().is_none_or(|(most, _)| explained > most + 0.05) {
            let named = keys.iter().filter(|(name, _)| is_new(name)).max_by(|a, b| a.1.n[1].total_cmp(&b.1.n[1]));
            let (name, one) = named?;
            let since = since(one);
            let seen = since.as_deref().map(|since| format!(", first seen {since}")).unwrap_or_default();
            let more = keys.keys().filter(|name| is_new(name)).count() - 1;
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            let sentence = format!("since {} {name}{seen}{others}, now {:.0} % of the calls", dimension.word, share * 100.0);
            best = Some((explained, Explanation { cause: dimension.cause, sentence, explained: Some(explained), since }));
        }
    }
    best.map(|(_, explanation)| explanation)
}

fn rest_stayed(rest: f64, mean: f64, before: f64) -> bool {
    (rest - before).abs() <= 0.5 * (mean - before).abs()
}

/// The shift of a mix that explains most.
fn mix(parts: &[Part]) -> Option<Explanation> {
    let all = sums(parts, |_| true);
    let (moved, before) = (all.moved()?, all.mean(0)?);
    let mut best: Option<(f64, Explanation)> = None;
    // Who asks comes before what for, where both explain the same.
    for dimension in DIMENSIONS.iter().rev() {
        let keys = by_key(parts, dimension.key);
        let shift = |one: &Sums| one.n[1] / all.n[1] - one.n[0] / all.n[0];
        let pull = |one: &Sums| one.mean(0).filter(|_| one.n[0] >= N_MIN).map_or(0.0, |mean| shift(one) * (mean - before));
        let explained = keys.values().map(pull).sum::<f64>() / moved;
        let grown = keys.iter().max_by(|a, b| shift(a.1).total_cmp(&shift(b.1)));
        let Some((name, one)) = grown.filter(|_| explained >= ENOUGH && best.as_ref().is_none_or(|(most, _)| explained > most + 0.05)) else {
            continue;
        };
        // Another mix of prompts in one app is what people ask for; another mix of models is what answers them.
        let cause = if dimension.cause == Cause::Model { Cause::Model } else { Cause::Traffic };
        let (was, is) = (one.n[0] / all.n[0] * 100.0, one.n[1] / all.n[1] * 100.0);
        let sentence = format!("the mix moved: {} {name} has {is:.0} % of the calls, it had {was:.0} %", dimension.word);
        best = Some((explained, Explanation { cause, sentence, explained: Some(explained), since: None }));
    }
    best.map(|(_, explanation)| explanation)
}

fn since(sums: &Sums) -> Option<String> {
    sums.first_us.map(|first| Micros(first).to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `service/version/prompt/model`, observations and mean.
    fn part(is_current: bool, keys: &str, n: f64, mean: f64) -> Part {
        let keys: Vec<String> = keys.split('/').map(str::to_owned).collect();
        let [service, version, prompt, model] = keys.try_into().unwrap();
        Part { is_current, service, version, prompt, model, n, mean: Some(mean), first_us: if is_current { 3_600_000_000 } else { 0 } }
    }

    #[track_caller]
    fn check(before: &[(&str, f64, f64)], now: &[(&str, f64, f64)], cause: Cause, words: &str) {
        let side = |is_current: bool| move |(keys, n, mean): &(&str, f64, f64)| part(is_current, keys, *n, *mean);
        let parts: Vec<Part> = before.iter().map(side(false)).chain(now.iter().map(side(true))).collect();
        let found = explain(&parts, &[]);
        assert!(found.cause == cause && found.sentence.contains(words), "{found:?}");
    }

    #[test]
    fn a_new_prompt_is_the_app() {
        check(
            &[("a/1/p v6/m", 900.0, 0.9)],
            &[("a/1/p v7/m", 60.0, 0.5), ("a/1/p v6/m", 40.0, 0.9)],
            Cause::App,
            "since prompt p v7, first seen 1970-01-01T01:00:00Z",
        );
        check(&[("a/1/p v6/m", 900.0, 0.9)], &[("a/2/p v6/m", 100.0, 0.5)], Cause::App, "since version 2");
    }

    #[test]
    fn a_new_model_is_the_model() {
        check(&[("a/1/p/old", 900.0, 1.0)], &[("a/1/p/new", 70.0, 4.0), ("a/1/p/old", 30.0, 1.0)], Cause::Model, "since model new");
        // A model that was used a little and is now used for most is a shift of the mix.
        check(
            &[("a/1/p/small", 900.0, 1.0), ("a/1/p/large", 100.0, 9.0)],
            &[("a/1/p/small", 30.0, 1.0), ("a/1/p/large", 70.0, 9.0)],
            Cause::Model,
            "model large has 70 % of the calls, it had 10 %",
        );
    }

    #[test]
    fn several_new_models_explain_together() {
        check(
            &[("a/1/p/s1", 500.0, 1.0), ("b/1/p/s2", 500.0, 1.0)],
            &[("a/1/p/l1", 50.0, 9.0), ("b/1/p/l2", 40.0, 9.0), ("a/1/p/s1", 10.0, 1.0)],
            Cause::Model,
            "since model l1, first seen 1970-01-01T01:00:00Z and 1 more, now 90 % of the calls",
        );
    }

    // What is new is not to blame where everything else moved as far.
    #[test]
    fn a_new_version_among_others_that_moved_too_is_no_cause() {
        check(&[("a/1/p/m", 900.0, 0.9)], &[("a/2/p/m", 50.0, 0.5), ("a/1/p/m", 50.0, 0.5)], Cause::Unknown, "no version, prompt, model");
    }

    #[test]
    fn a_shift_of_traffic_is_no_change_of_quality() {
        check(
            &[("easy/1/p/m", 800.0, 0.95), ("hard/1/q/m", 200.0, 0.5)],
            &[("easy/1/p/m", 20.0, 0.95), ("hard/1/q/m", 80.0, 0.5)],
            Cause::Traffic,
            "hard",
        );
    }

    #[test]
    fn canaries_tell_the_provider_from_the_app() {
        check(
            &[("a/1/p/m", 900.0, 0.9), ("c/1/canary v1/m", 90.0, 0.9)],
            &[("a/2/p/m", 100.0, 0.5), ("c/1/canary v1/m", 10.0, 0.5)],
            Cause::Model,
            "canary",
        );
        check(
            &[("a/1/p/m", 900.0, 0.9), ("c/1/canary v1/m", 90.0, 0.9)],
            &[("a/2/p/m", 100.0, 0.5), ("c/1/canary v1/m", 10.0, 0.91)],
            Cause::App,
            "answered as before",
        );
    }

    #[test]
    fn a_judge_that_moved_is_told_from_an_app_that_did() {
        let parts = [part(false, "a/1/p/m", 900.0, 0.9), part(true, "a/1/p/m", 100.0, 0.5)];
        let row =
            |is_current, judge: &str, is_anchor, n, mean| Judged { is_current, judge: judge.to_owned(), is_anchor, n, mean: Some(mean), first_us: 0 };
        let anchors = [
            row(false, "1 x", true, 50.0, 0.8),
            row(true, "1 x", true, 50.0, 0.5),
            row(false, "1 x", false, 9.0, 0.9),
            row(true, "1 x", false, 9.0, 0.5),
        ];
        assert_eq!(explain(&parts, &anchors).cause, Cause::Judge);
        let steady = [
            row(false, "1 x", true, 50.0, 0.8),
            row(true, "1 x", true, 50.0, 0.8),
            row(false, "1 x", false, 9.0, 0.9),
            row(true, "1 x", false, 9.0, 0.5),
        ];
        assert_eq!(explain(&parts, &steady).cause, Cause::Unknown);
        let other = [row(false, "1 x", false, 90.0, 0.9), row(true, "2 y", false, 90.0, 0.5)];
        assert!(explain(&parts, &other).sentence.contains("since the judge 2 y"));
    }

    #[test]
    fn nothing_to_compare_is_unknown() {
        assert_eq!(explain(&[], &[]), Explanation::unknown());
        assert_eq!(explain(&[part(true, "a/1/p/m", 9.0, 0.5)], &[]), Explanation::unknown());
        assert_eq!(explain(&[part(true, "a/1/p/m", 9.0, 0.5), part(false, "a/1/p/m", 9.0, 0.5)], &[]), Explanation::unknown());
    }
}
