//! From states to alerts: a pure state machine, so that one bad day is one alert.
//!
//! ```text
//!            ALERT                    the same slice ALERT `for` times in a row
//!   (none) ────────► pending ─────────────────────────────────────────────────► firing
//!                       │ OK or WARN                                              │ OK `resolve_for` times,
//!                       ▼                                                         ▼ with no ALERT or WARN between
//!                    resolved (lapsed: it never fired)                         resolved
//! ```
//! WARN keeps a firing alert open (hysteresis), NO_DATA and ERROR change nothing, and an alert that comes back within
//! `refractory` of its end fires under its old id; each time it does, it takes twice as many OK to resolve (flap damping, up to
//! four times). Nothing opens while an alert of a monitor that this one stands `under` is open. A second track opens an alert of kind `data` when the monitor was blind
//! `no_data.for` times in a row, and closes it when the monitor sees again. Nothing is kept but the rows of
//! `monitor_states` and `alerts`: the state after a restart is the same fold over the same rows.

use std::collections::VecDeque;

use schema::{AlertTransition, Micros, MonitorState};

use crate::detectors::Detector;
use crate::findings::Finding;
use crate::rule::Rule;
use crate::state::State;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The watched value changed.
    Quality,
    /// The monitor is blind.
    Data,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Quality => "quality",
            Kind::Data => "data",
        }
    }
}

/// How often the quiet that ends an alert doubles with its returns.
const DAMPED_MAX: u32 = 2;

/// One evaluation, as far as later ones must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evaluation {
    time: i64,
    verdict: State,
    /// The slices in ALERT.
    alerting: Vec<String>,
    /// The slices in NO_DATA.
    unseen: Vec<String>,
    /// Nothing was seen where something was to be expected.
    blind: bool,
    /// Observations in the window, of the whole.
    n: u64,
}

impl Evaluation {
    /// Sums up what a look found.
    pub fn of(now: Micros, findings: &[Finding]) -> Self {
        let n = findings.first().map_or(0, |whole| whole.n);
        Self { n, ..Self::sum_up(now.0, findings.iter().map(|finding| (finding.slice.as_str(), finding.state, finding.n_baseline.is_some()))) }
    }

    /// Sums up the rows of one evaluation, as they were written.
    pub fn of_rows(rows: &[&MonitorState]) -> Self {
        let time = rows.first().map_or(0, |row| row.time.0);
        let state = |row: &MonitorState| State::parse(&row.state).unwrap_or(State::Error);
        let n = rows.iter().find(|row| row.slice.is_empty()).map_or(0, |whole| u64::try_from(whole.n).unwrap_or(0));
        Self { n, ..Self::sum_up(time, rows.iter().map(|row| (row.slice.as_str(), state(row), row.n_baseline.is_some()))) }
    }

    fn sum_up<'a>(time: i64, rows: impl Iterator<Item = (&'a str, State, bool)>) -> Self {
        let mut found = Self { time, verdict: State::NoData, alerting: Vec::new(), unseen: Vec::new(), blind: false, n: 0 };
        let mut worst_slice = State::Ok;
        for (slice, state, has_baseline) in rows {
            match state {
                State::Alert => found.alerting.push(slice.to_owned()),
                State::Error => found.blind = true,
                State::NoData => {
                    found.blind |= has_baseline;
                    found.unseen.push(slice.to_owned());
                }
                State::Ok | State::Warn => {}
            }
            if slice.is_empty() {
                found.verdict = state;
            } else if state == State::Alert || (state == State::Warn && worst_slice == State::Ok) {
                worst_slice = state;
            }
        }
        if worst_slice == State::Alert || (worst_slice == State::Warn && found.verdict == State::Ok) {
            found.verdict = worst_slice;
        }
        found
    }
}

/// The evaluations that the next step depends on, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(VecDeque<Evaluation>);

impl History {
    /// How far back it must reach for a rule, in microseconds: long enough to count through a few quiet nights.
    pub fn reach(rule: &Rule) -> i64 {
        let longest = rule.hold.max(rule.resolve_for() << DAMPED_MAX).max(rule.no_data.hold);
        (4 * i64::from(longest) + 8) * rule.every.0
    }

    /// Adds an evaluation and forgets what is out of reach.
    pub fn push(&mut self, rule: &Rule, evaluation: Evaluation) {
        let oldest = evaluation.time - Self::reach(rule);
        self.0.push_back(evaluation);
        while self.0.front().is_some_and(|first| first.time <= oldest) {
            self.0.pop_front();
        }
    }

    /// Puts an evaluation that was made again, because data came late, in the place of the first.
    pub fn replace(&mut self, evaluation: Evaluation) {
        if let Some(old) = self.0.iter_mut().find(|old| old.time == evaluation.time) {
            *old = evaluation;
        }
    }

    /// The evaluations after `start` and before `end` whose window held another number of observations than `count` finds now; one that failed
    /// stays as it was.
    pub fn outdated(&self, start: i64, end: i64, count: impl Fn(i64) -> u64) -> Vec<i64> {
        let between = self.0.iter().filter(|evaluation| evaluation.time > start && evaluation.time < end);
        between
            .filter(|evaluation| evaluation.verdict != State::Error && evaluation.n != count(evaluation.time))
            .map(|evaluation| evaluation.time)
            .collect()
    }

    /// Evaluations in a row, up to the last, in which one same slice was in ALERT.
    fn held(&self, rule: &Rule) -> u32 {
        let mut common: Option<Vec<&String>> = None;
        let (mut held, mut next_time) = (0, None);
        for evaluation in self.0.iter().rev() {
            let apart = next_time.is_some_and(|next: i64| next - evaluation.time > 3 * rule.every.0);
            let mut alerting: Vec<&String> = evaluation.alerting.iter().collect();
            if let Some(common) = &common {
                alerting.retain(|slice| common.contains(slice));
            }
            if apart || alerting.is_empty() {
                break;
            }
            (common, next_time) = (Some(alerting), Some(evaluation.time));
            held += 1;
        }
        held
    }

    /// Evaluations that were OK since the last ALERT or WARN; those that saw nothing do not count, nor those at whose hour it cannot be told whether the
    /// slice that is silent still is.
    fn quiet(&self, rule: &Rule, slice: &str) -> u32 {
        let recent = self.0.iter().rev().take_while(|evaluation| !matches!(evaluation.verdict, State::Alert | State::Warn));
        let is_dark = |evaluation: &Evaluation| rule.watch == Detector::Silence && evaluation.unseen.iter().any(|unseen| unseen == slice);
        let seen = recent.filter(|evaluation| evaluation.verdict == State::Ok && !is_dark(evaluation));
        u32::try_from(seen.count()).unwrap_or(u32::MAX)
    }

    /// Evaluations in a row, up to the last, that were blind.
    fn blind(&self) -> u32 {
        u32::try_from(self.0.iter().rev().take_while(|evaluation| evaluation.blind).count()).unwrap_or(u32::MAX)
    }

    fn last(&self) -> Option<&Evaluation> {
        self.0.back()
    }
}

/// The state that an alert goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Pending,
    Firing,
    /// Fired, was over, and is back under its old id.
    FiringAgain,
    Resolved,
    /// Was pending and did not hold.
    Lapsed,
}

impl Step {
    /// The word that `alerts` uses.
    pub fn state(self) -> &'static str {
        match self {
            Step::Pending => "pending",
            Step::Firing | Step::FiringAgain => "firing",
            Step::Resolved | Step::Lapsed => "resolved",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Pending,
    Firing,
    Over,
}

/// The latest alert of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub id: String,
    pub slice: String,
    phase: Phase,
    fired: bool,
    since: i64,
    /// How often it fired again after it was over.
    returns: u32,
}

/// The alerts of one kind of one monitor, folded into the latest.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub kind: Kind,
    pub standing: Option<Standing>,
}

impl Track {
    pub fn new(kind: Kind) -> Self {
        Self { kind, standing: None }
    }

    /// Takes in a transition of this kind, whoever wrote it.
    pub fn apply(&mut self, transition: &AlertTransition) {
        if transition.kind != self.kind.name() {
            return;
        }
        let phase = match transition.state.as_str() {
            "pending" => Phase::Pending,
            "firing" => Phase::Firing,
            "resolved" => Phase::Over,
            // Acknowledged and muted stand beside: they say who knows, not how it is.
            _ => return,
        };
        let same = self.standing.as_ref().filter(|standing| standing.id == transition.id);
        let fired = phase == Phase::Firing || same.is_some_and(|standing| standing.fired);
        let is_back = phase == Phase::Firing && same.is_some_and(|standing| standing.phase == Phase::Over);
        let returns = same.map_or(0, |standing| standing.returns) + u32::from(is_back);
        self.standing =
            Some(Standing { id: transition.id.clone(), slice: transition.slice.clone(), phase, fired, since: transition.time.0, returns });
    }

    /// What the alert does after the last evaluation of `history`; nothing where it stays as it is.
    ///
    /// In the `shade` of another monitor's alert no alert of quality opens or fires.
    pub fn next(&self, rule: &Rule, history: &History, shade: Shade) -> Option<Step> {
        let last = history.last()?;
        let phase = self.standing.as_ref().map_or(Phase::Over, |standing| standing.phase);
        let again = self.standing.as_ref().is_some_and(|standing| standing.fired && last.time - standing.since < rule.refractory.0);
        match (self.kind, phase) {
            (Kind::Quality, Phase::Over) => {
                if last.alerting.is_empty() || shade == Shade::Covered {
                    return None;
                }
                match (history.held(rule) >= rule.hold, again) {
                    (true, true) => Some(Step::FiringAgain),
                    (true, false) => Some(Step::Firing),
                    (false, true) => None,
                    (false, false) => Some(Step::Pending),
                }
            }
            (Kind::Quality, Phase::Pending) => match last.verdict {
                State::Ok | State::Warn => Some(Step::Lapsed),
                _ => (shade == Shade::Open && history.held(rule) >= rule.hold).then_some(Step::Firing),
            },
            (Kind::Quality, Phase::Firing) => {
                let slice = self.standing.as_ref().map_or("", |standing| standing.slice.as_str());
                (history.quiet(rule, slice) >= self.quiet_needed(rule)).then_some(Step::Resolved)
            }
            (Kind::Data, Phase::Over | Phase::Pending) => {
                let step = if again { Step::FiringAgain } else { Step::Firing };
                (history.blind() >= rule.no_data.hold).then_some(step)
            }
            (Kind::Data, Phase::Firing) => matches!(last.verdict, State::Ok | State::Warn | State::Alert).then_some(Step::Resolved),
        }
    }
}

impl Track {
    fn quiet_needed(&self, rule: &Rule) -> u32 {
        rule.resolve_for() << self.standing.as_ref().map_or(0, |standing| standing.returns.min(DAMPED_MAX))
    }
}

/// Whether a monitor of the cause has an alert already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shade {
    Open,
    Covered,
}

impl Shade {
    /// Folds the transitions of other monitors up to a moment: one that is pending or fires covers.
    pub fn of(others: &[AlertTransition], now: Micros) -> Self {
        let mut open: Vec<&str> = Vec::new();
        for transition in others.iter().filter(|transition| transition.time <= now && transition.kind == Kind::Quality.name()) {
            match transition.state.as_str() {
                "pending" | "firing" => open.push(&transition.id),
                "resolved" => open.retain(|id| *id != transition.id),
                _ => {}
            }
        }
        if open.is_empty() { Shade::Open } else { Shade::Covered }
    }
}

impl Standing {
    /// Whether the alert is open and has not fired.
    pub fn is_pending(&self) -> bool {
        self.phase == Phase::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn rule(hold: u32, resolve_for: u32) -> Rule {
        let yaml = "{name: m, select: select 1, watch: threshold, above: 1, every: 1h, window: 6h, refractory: 12h, no_data: {for: 3}}";
        Rule { hold, resolve_for: Some(resolve_for), ..Rule::parse(yaml).unwrap() }
    }

    fn row(slice: &str, state: State, n_baseline: Option<i64>) -> MonitorState {
        MonitorState { slice: slice.to_owned(), state: state.name().to_owned(), n_baseline, ..MonitorState::default() }
    }

    /// One letter an evaluation: `o` OK, `w` WARN, `a` ALERT, `s` and `t` ALERT in a slice of that name, `b` in both,
    /// `-` a quiet hour, `x` blind, `e` ERROR, `.` no evaluation at all.
    fn rows(letter: char) -> Vec<MonitorState> {
        let whole = |state| row("", state, Some(100));
        match letter {
            'o' => vec![whole(State::Ok)],
            'w' => vec![whole(State::Warn)],
            'a' => vec![whole(State::Alert)],
            's' => vec![whole(State::Ok), row("c=s", State::Alert, Some(9))],
            't' => vec![whole(State::Warn), row("c=t", State::Alert, Some(9))],
            'b' => vec![whole(State::Ok), row("c=s", State::Alert, Some(9)), row("c=t", State::Alert, Some(9))],
            '-' => vec![row("", State::NoData, None)],
            'x' => vec![row("", State::NoData, Some(100))],
            'e' => vec![row("", State::Error, None)],
            other => panic!("no evaluation is written {other}"),
        }
    }

    /// Runs the letters through a track; the result has one mark an evaluation: `p` pending, `F` firing, `A` firing again, `R`
    /// resolved, `L` lapsed, space for no change.
    fn run(kind: Kind, rule: &Rule, letters: &str) -> String {
        let (mut history, mut track) = (History::default(), Track::new(kind));
        let mut marks = String::new();
        for (i, letter) in letters.chars().enumerate() {
            if letter == '.' {
                marks.push(' ');
                continue;
            }
            let time = Micros(i as i64 * HOUR);
            let mut rows = rows(letter);
            rows.iter_mut().for_each(|row| row.time = time);
            history.push(rule, Evaluation::of_rows(&rows.iter().collect::<Vec<_>>()));
            let step = track.next(rule, &history, Shade::Open);
            marks.push(match step {
                None => ' ',
                Some(Step::Pending) => 'p',
                Some(Step::Firing) => 'F',
                Some(Step::FiringAgain) => 'A',
                Some(Step::Resolved) => 'R',
                Some(Step::Lapsed) => 'L',
            });
            if let Some(step) = step {
                let new = track.standing.as_ref().is_none_or(|standing| standing.phase == Phase::Over) && step != Step::FiringAgain;
                let id = if new { i.to_string() } else { track.standing.as_ref().unwrap().id.clone() };
                let (kind, state) = (kind.name().to_owned(), step.state().to_owned());
                track.apply(&AlertTransition { id, time, kind, state, ..AlertTransition::default() });
            }
        }
        marks
    }

    #[track_caller]
    fn quality(hold: u32, resolve_for: u32, letters: &str, marks: &str) {
        assert_eq!(run(Kind::Quality, &rule(hold, resolve_for), letters), marks, "after {letters}");
    }

    #[track_caller]
    fn data(letters: &str, marks: &str) {
        assert_eq!(run(Kind::Data, &rule(2, 3), letters), marks, "after {letters}");
    }

    #[test]
    fn an_alert_is_pending_until_it_held() {
        quality(2, 3, "ooaaaooo", "  pF   R");
        quality(3, 2, "aaaoo", "p F R");
        quality(1, 1, "oao", " FR");
    }

    #[test]
    fn a_blip_never_fires() {
        quality(2, 3, "oaoaoao", " pLpLpL");
        quality(2, 3, "oawao", " pLpL");
    }

    #[test]
    fn warn_never_opens_and_keeps_open() {
        quality(2, 3, "wwwwww", "      ");
        quality(2, 3, "aawwwooowww", "pF     R   ");
        quality(2, 3, "aaoowoowooo", "pF        R");
    }

    #[test]
    fn the_same_slice_must_hold() {
        quality(2, 3, "stst", "p   ");
        quality(2, 3, "ssooo", "pF  R");
        quality(2, 3, "sbtt", "pF  ");
        quality(3, 3, "sbtt", "p  F");
    }

    // A night without traffic in the middle of a bad day must neither end the alert nor begin a second one.
    #[test]
    fn quiet_hours_freeze_an_alert() {
        quality(2, 3, "aa----------aaooo", "pF              R");
        quality(2, 3, "aaoo-xe-o", "pF      R");
        quality(2, 3, "a--aa", "p   F");
    }

    #[test]
    fn an_alert_that_comes_back_soon_is_the_same_alert() {
        quality(2, 3, "aaoooaaoooooo", "pF  R A     R");
        quality(2, 3, "aaoooaoaoao", "pF  R      ");
    }

    // Each return takes twice the quiet to end, so that what flaps stays one open alert.
    #[test]
    fn flapping_is_damped() {
        quality(1, 1, "aoaooaooooaooooo", "FRA RA   RA   R ");
    }

    #[test]
    fn nothing_opens_in_the_shade_of_another() {
        let row = |hour: i64, state: &str| AlertTransition {
            id: "cause".to_owned(),
            time: Micros(hour * HOUR),
            kind: "quality".to_owned(),
            state: state.to_owned(),
            ..AlertTransition::default()
        };
        let others = [row(1, "pending"), row(2, "firing"), row(3, "acknowledged"), row(9, "resolved")];
        let shade = |hour: i64| Shade::of(&others, Micros(hour * HOUR));
        assert_eq!([0, 1, 5, 9].map(shade), [Shade::Open, Shade::Covered, Shade::Covered, Shade::Open]);

        let rule = rule(1, 1);
        let mut history = History::default();
        history.push(&rule, Evaluation::of_rows(&rows('a').iter().collect::<Vec<_>>()));
        let track = Track::new(Kind::Quality);
        assert_eq!((track.next(&rule, &history, Shade::Covered), track.next(&rule, &history, Shade::Open)), (None, Some(Step::Firing)));
    }

    #[test]
    fn an_alert_that_comes_back_late_is_another() {
        quality(2, 3, "aaooo...........aaa", "pF  R           pF ");
    }

    #[test]
    fn evaluations_far_apart_are_not_in_a_row() {
        quality(2, 3, "a.....a", "p      ");
        quality(2, 3, "a..a", "p  F");
    }

    #[test]
    fn blindness_is_heard_of() {
        data("ooxxxxoo", "    F R ");
        data("oexeo", "   FR");
        data("xxoxxoxx", "        ");
        data("aaxxxwww", "    FR  ");
    }

    // A quiet night, or a monitor that still learns, is not blind.
    #[test]
    fn quiet_hours_are_not_blindness() {
        data("------o", "       ");
        data("xxx---o", "  F   R");
    }

    #[test]
    fn the_worst_of_whole_and_slices_counts() {
        let verdict = |letter: char| Evaluation::of_rows(&rows(letter).iter().collect::<Vec<_>>()).verdict;
        assert_eq!((verdict('s'), verdict('t'), verdict('x'), verdict('e')), (State::Alert, State::Alert, State::NoData, State::Error));
        let warned = [row("", State::Ok, None), row("c=s", State::Warn, None)];
        assert_eq!(Evaluation::of_rows(&warned.iter().collect::<Vec<_>>()).verdict, State::Warn);
    }
}
