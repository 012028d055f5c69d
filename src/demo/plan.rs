//! The plan: every trace of four weeks, decided by a seed.

use schema::{Day, Micros};
use serde::Serialize;

use super::dice::Dice;
use super::scene::Weather;
use super::season::{self, CUSTOMERS, DAY, HOUR, STAFF};
use super::trace::{App, Origin, Trace};
use super::{agent, digest, support};

/// Days at the start that are never bad, so that monitors have a history.
const QUIET_DAYS: u32 = 15;
/// Days at the end that are never bad.
const LAST_DAYS: u32 = 2;
/// Share of traffic that is a test of the staff's.
const STAGING: f64 = 0.08;
/// The stream that decides which day is bad; no session has it.
const PLANTING: u64 = u64::MAX;

/// What to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BadDay {
    /// A bad day of a kind that the seed picks.
    Random,
    /// Models take four times as long.
    Latency,
    /// A quarter of the calls fail.
    Errors,
    /// A router sends most calls to larger models.
    Cost,
    /// Half of what the support bot claims is invented.
    Groundedness,
    /// No bad day.
    None,
}

/// How a bad day shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    /// Models take four times as long.
    Latency,
    /// A quarter of the calls fail.
    Errors,
    /// A router sends most calls to larger models.
    Cost,
    /// Half of what the support bot claims is invented.
    Groundedness,
}

impl BadDay {
    fn symptom(self, dice: &mut Dice) -> Option<Symptom> {
        let drawn = dice.pick(&[Symptom::Latency, Symptom::Errors, Symptom::Cost, Symptom::Groundedness]);
        match self {
            Self::Random => Some(drawn),
            Self::Latency => Some(Symptom::Latency),
            Self::Errors => Some(Symptom::Errors),
            Self::Cost => Some(Symptom::Cost),
            Self::Groundedness => Some(Symptom::Groundedness),
            Self::None => None,
        }
    }
}

/// The bad day that a plan holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// First moment of the day, in UTC.
    pub from: Micros,
    /// First moment after it.
    pub to: Micros,
    /// How it shows.
    pub symptom: Symptom,
}

impl Planted {
    /// Returns the day.
    pub fn day(&self) -> Day {
        self.from.day()
    }
}

/// What runs on a day: before or after the deploy, in production or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release {
    pub is_new: bool,
    environment: &'static str,
}

impl Release {
    pub fn origin(self, app: App) -> Origin {
        let version = match (app, self.is_new) {
            (App::Support, false) => "2.3.1",
            (App::Support, true) => "2.4.0",
            (App::Workshop, _) => "1.8.2",
            (App::Digest, _) => "0.9.5",
        };
        Origin { app, environment: self.environment, version }
    }

    pub fn support_prompt(self) -> &'static str {
        if self.is_new { "8" } else { "7" }
    }
}

/// Four weeks of traffic, or as many days as were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub(super) traces: Vec<Trace>,
    planted: Option<Planted>,
}

impl Plan {
    /// Plans `days` days of traffic that end at `now`, the last of them the day of `now`, cut there.
    ///
    /// The same arguments give the same plan. Another `bad_day` changes the traces of that day and of no other. A bad day is not
    /// among the first 15 days (of short plans, the first half) nor the last two; where none is left, none is planted.
    pub fn new(seed: u64, now: Micros, days: u32, bad_day: BadDay) -> Self {
        let today = Micros(now.0.div_euclid(DAY) * DAY);
        let first = today.0 - i64::from(days.saturating_sub(1)) * DAY;
        let planted = plant(seed, first, days, bad_day);
        let deploy = Micros(first + i64::from(days / 2) * DAY + 10 * HOUR);
        let mut traces: Vec<Trace> = (0..days).flat_map(|day| plan_day(seed, Micros(first + i64::from(day) * DAY), day, planted, deploy)).collect();
        traces.retain(|trace| trace.end() <= now);
        traces.sort_by_key(|trace| (trace.start(), trace.id));
        Self { traces, planted }
    }

    /// Returns the bad day, where one is planted.
    pub fn planted(&self) -> Option<&Planted> {
        self.planted.as_ref()
    }

    /// Counts the traces.
    pub fn n_traces(&self) -> u64 {
        self.traces.len() as u64
    }

    /// Counts the spans.
    pub fn n_spans(&self) -> u64 {
        self.traces.iter().map(|trace| trace.spans.len() as u64).sum()
    }
}

impl Trace {
    /// When the root began.
    pub fn start(&self) -> Micros {
        self.spans.first().map_or_else(Micros::default, |root| root.start)
    }

    /// When the last span ended, or the feedback came.
    pub fn end(&self) -> Micros {
        let ends = self.spans.iter().map(|span| span.end).chain(self.feedback.as_ref().map(|feedback| feedback.at));
        ends.max().unwrap_or_default()
    }
}

fn plant(seed: u64, first: i64, days: u32, bad_day: BadDay) -> Option<Planted> {
    let mut dice = Dice::new(seed, PLANTING);
    let symptom = bad_day.symptom(&mut dice);
    let earliest = if days > QUIET_DAYS + LAST_DAYS { QUIET_DAYS } else { days / 2 };
    let latest = days.checked_sub(LAST_DAYS + 1)?;
    let day = dice.int(earliest.into(), latest.into());
    if latest < earliest {
        return None;
    }
    let from = Micros(first + i64::try_from(day).ok()? * DAY);
    Some(Planted { from, to: Micros(from.0 + DAY), symptom: symptom? })
}

/// Plans the sessions that begin on a day, each from a stream of random numbers of its own.
fn plan_day(seed: u64, day: Micros, index: u32, planted: Option<Planted>, deploy: Micros) -> Vec<Trace> {
    let weather = Weather::of(planted.filter(|planted| planted.from == day).map(|planted| planted.symptom));
    let mut traces = Vec::new();
    for (at, app) in App::ALL.into_iter().enumerate() {
        let stream = |session: u64| u64::from(index) << 32 | (at as u64) << 24 | session;
        let (common, hours) = match app {
            App::Support => (95.0, &CUSTOMERS),
            App::Workshop => (44.0, &STAFF),
            App::Digest => (100.0, &STAFF),
        };
        let n_sessions = season::sessions_on(day, common, &mut Dice::new(seed, stream(0)));
        for session in 1..=n_sessions {
            let dice = &mut Dice::new(seed, stream(session));
            let start = season::moment(day, hours, dice);
            let environment = if dice.chance(STAGING) { "staging" } else { "production" };
            let release = Release { is_new: start >= deploy, environment };
            traces.extend(match app {
                App::Support => support::session(dice, weather, release, start),
                App::Workshop => agent::run(dice, weather, release, start),
                App::Digest => digest::summary(dice, weather, release, start),
            });
        }
    }
    traces
}

#[cfg(test)]
mod tests {
    use collector::price::PriceTable;

    use super::super::figures::Figures;
    use super::super::trace::Step;
    use super::*;

    /// 2026-11-20T18:00:00Z, a Friday.
    const NOW: Micros = Micros(1_795_197_600_000_000);

    fn plan(bad_day: BadDay) -> Plan {
        Plan::new(7, NOW, 28, bad_day)
    }

    #[test]
    fn the_seed_decides_everything() {
        assert_eq!(plan(BadDay::Random), plan(BadDay::Random));
        assert_ne!(plan(BadDay::None), Plan::new(8, NOW, 28, BadDay::None));
        let kinds: std::collections::HashSet<String> =
            (0..40).filter_map(|seed| plant(seed, 0, 28, BadDay::Random)).map(|planted| format!("{:?}", planted.symptom)).collect();
        assert_eq!(kinds.len(), 4, "{kinds:?}");
    }

    #[test]
    fn four_weeks_are_some_thirty_thousand_spans() {
        for seed in [1, 7] {
            let plan = Plan::new(seed, NOW, 28, BadDay::None);
            assert!((25_000..40_000).contains(&plan.n_spans()), "{}", plan.n_spans());
        }
    }

    #[test]
    fn spans_lie_inside_their_parents_and_before_now() {
        let plan = plan(BadDay::Latency);
        let mut ids = std::collections::HashSet::new();
        for trace in &plan.traces {
            for (at, span) in trace.spans.iter().enumerate() {
                assert!(ids.insert((trace.id, span.id)));
                assert!(span.start <= span.end && span.end <= NOW);
                assert_eq!(span.parent.is_none(), at == 0, "one root, and it comes first");
                if let Some(parent) = span.parent.map(|parent| &trace.spans[parent]) {
                    assert!(parent.start <= span.start && span.end <= parent.end);
                }
            }
        }
        assert_eq!(plan.traces[0].start().day(), Day(Micros(NOW.0 - 27 * DAY).day().0));
    }

    /// A bad day has a history before it and a day after it.
    #[test]
    fn the_bad_day_is_neither_early_nor_late() {
        for seed in 0..200 {
            let planted = plant(seed, 0, 28, BadDay::Random).unwrap();
            assert!((15..26).contains(&(planted.from.0 / DAY)), "{planted:?}");
            assert_eq!(plant(seed, 0, 28, BadDay::None), None);
        }
        assert_eq!(plant(1, 0, 0, BadDay::Cost), None);
        assert_eq!(plant(1, 0, 2, BadDay::Cost), None);
        assert!(plant(1, 0, 7, BadDay::Cost).is_some_and(|planted| (3..5).contains(&(planted.from.0 / DAY))));
    }

    #[test]
    fn traffic_follows_the_day_and_the_week() {
        let plan = plan(BadDay::None);
        let count = |keep: &dyn Fn(i64) -> bool| plan.traces.iter().filter(|trace| keep(trace.start().0)).count() as f64;
        let weekday = |at: i64| (at.div_euclid(DAY) + 3).rem_euclid(7);
        let weekend = count(&|at| weekday(at) >= 5) / 2.0;
        let working = count(&|at| weekday(at) < 5) / 5.0;
        assert!((0.35..0.65).contains(&(weekend / working)), "{weekend} a weekend day, {working} a working day");
        let hour = |at: i64| at.rem_euclid(DAY) / HOUR;
        assert!(count(&|at| (9..12).contains(&hour(at))) > 8.0 * count(&|at| (1..4).contains(&hour(at))));
    }

    #[test]
    fn the_prompt_is_deployed_in_the_middle() {
        let plan = plan(BadDay::None);
        let support: Vec<_> = plan.traces.iter().filter(|trace| trace.origin.app == App::Support).collect();
        let new = support.iter().filter(|trace| trace.prompt.version == "8").count();
        assert!(support.windows(2).all(|pair| pair[0].prompt.version <= pair[1].prompt.version || pair[0].spans[0].start > pair[1].spans[0].start));
        assert!((0.4..0.6).contains(&(new as f64 / support.len() as f64)), "{new} of {}", support.len());
    }

    #[test]
    fn every_kind_of_span_and_of_failure_occurs() {
        let plan = plan(BadDay::None);
        let spans = || plan.traces.iter().flat_map(|trace| &trace.spans);
        let count = |keep: &dyn Fn(&Step) -> bool| spans().filter(|span| keep(&span.step)).count();
        assert!(count(&|step| matches!(step, Step::Tool { result: None, .. })) > 10);
        assert!(count(&|step| matches!(step, Step::Chat(chat) if chat.finish_reason == "content_filter")) > 2);
        assert!(count(&|step| matches!(step, Step::Chat(chat) if chat.finish_reason == "length")) > 2);
        assert!(count(&|step| matches!(step, Step::Chat(chat) if chat.tokens.cache_read > 0)) > 500);
        assert!(count(&|step| matches!(step, Step::Chat(chat) if chat.tokens.reasoning > 0)) > 500);
        let failures: std::collections::HashSet<_> = spans().filter_map(|span| span.failure).map(|failure| failure.error_type).collect();
        assert!(failures.len() >= 8, "{failures:?}");
        assert!(plan.traces.iter().filter(|trace| trace.feedback.is_some()).count() > 100);
        let sessions = |n: usize| plan.traces.iter().filter(|trace| trace.session.is_some()).count() > n;
        assert!(sessions(1_000));
    }

    /// What monitors will see: the planted kind stands out on its day by far, the other kinds do not, and no other day does.
    #[test]
    fn a_bad_day_shows_in_its_own_figure_alone() {
        let prices = PriceTable::shipped();
        let fair = plan(BadDay::None);
        for bad_day in [BadDay::Latency, BadDay::Errors, BadDay::Cost, BadDay::Groundedness] {
            let plan = plan(bad_day);
            let planted = *plan.planted().unwrap();
            let split = |plan: &Plan| plan.traces.iter().cloned().partition::<Vec<_>, _>(|trace| trace.start().day() == planted.day());
            let ((bad, others), (was, other_was)) = (split(&plan), split(&fair));
            assert_eq!(others, other_was, "no other day changes");
            let figures = |traces| Plan { traces, planted: None }.figures(&prices).remove(&planted.day()).unwrap();
            let (bad, was) = (figures(bad), figures(was));
            let errors = |day: &Figures| day.n_errors as f64 / day.n_calls as f64;
            let cost = |day: &Figures| day.cost_nanousd as f64 / (day.n_calls - day.n_errors) as f64;
            let shows = [
                (Symptom::Latency, bad.latency_ms_p95 / was.latency_ms_p95 > 3.0, (0.8..1.25).contains(&(bad.latency_ms_p95 / was.latency_ms_p95))),
                (Symptom::Errors, errors(&bad) > 0.12, errors(&bad) < 0.03),
                (Symptom::Cost, cost(&bad) / cost(&was) > 3.0, (0.8..1.25).contains(&(cost(&bad) / cost(&was)))),
                (Symptom::Groundedness, bad.groundedness < 0.6, bad.groundedness > 0.85),
            ];
            for (symptom, is_bad, is_usual) in shows {
                let expect = if symptom == planted.symptom { is_bad } else { is_usual };
                assert!(expect, "planted {:?}, looking at {symptom:?}: {bad:?}, else {was:?}", planted.symptom);
            }
        }
    }

    /// The noise of common days, which monitors must not take for a bad one.
    #[test]
    fn common_days_are_alike() {
        let figures = Plan::new(7, NOW, 10, BadDay::None).figures(&PriceTable::shipped());
        assert_eq!(figures.len(), 10);
        for (day, figures) in &figures {
            let failing = figures.n_errors as f64 / figures.n_calls as f64;
            assert!(figures.groundedness > 0.85 && failing < 0.03, "{day}: {figures:?}");
            assert!((1_500.0..4_500.0).contains(&figures.latency_ms_p95), "{day}: {figures:?}");
        }
    }
}
