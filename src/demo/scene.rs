//! Builds one trace: a clock that runs on while spans open and close, in the weather of the day.

use schema::{Micros, SpanId};

use super::dice::Dice;
use super::models::{Failure, Model};
use super::plan::Symptom;
use super::trace::{Chat, Message, PlannedSpan, Step, Tokens};

/// The conditions of a day. What a bad day changes stands here and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Factor on the time that models take.
    pub slowness: f64,
    /// Share of attempts at a model call that fail.
    pub failing: f64,
    /// Share of calls that a router sends to the larger sibling of the model.
    pub misrouted: f64,
    /// Share of claims in answers that no document holds.
    pub invented: f64,
    /// Sampling temperature of the support bot.
    pub temperature: f64,
}

impl Weather {
    const FAIR: Self = Self { slowness: 1.0, failing: 0.012, misrouted: 0.0, invented: 0.07, temperature: 0.2 };

    /// Returns the weather of a common day, or of one with a symptom.
    pub fn of(symptom: Option<Symptom>) -> Self {
        match symptom {
            None => Self::FAIR,
            Some(Symptom::Latency) => Self { slowness: 4.0, ..Self::FAIR },
            Some(Symptom::Errors) => Self { failing: 0.25, ..Self::FAIR },
            Some(Symptom::Cost) => Self { misrouted: 0.9, ..Self::FAIR },
            Some(Symptom::Groundedness) => Self { invented: 0.52, temperature: 1.4, ..Self::FAIR },
        }
    }
}

/// Share of failed attempts that are tried once more.
const RETRIED: f64 = 0.85;

/// A trace in the making.
pub(super) struct Scene<'a> {
    pub dice: &'a mut Dice,
    pub weather: Weather,
    pub clock: Micros,
    pub spans: Vec<PlannedSpan>,
}

impl<'a> Scene<'a> {
    pub fn new(dice: &'a mut Dice, weather: Weather, start: Micros) -> Self {
        Self { dice, weather, clock: start, spans: Vec::new() }
    }

    /// Lets time pass.
    pub fn pass_ms(&mut self, ms: f64) {
        self.clock.0 += micros(ms);
    }

    /// Opens a span now and returns its index.
    pub fn open(&mut self, parent: Option<usize>, step: Step) -> usize {
        let id = SpanId(self.dice.bytes());
        self.spans.push(PlannedSpan { id, parent, start: self.clock, end: self.clock, step, failure: None });
        self.spans.len() - 1
    }

    /// Closes a span now.
    pub fn close(&mut self, index: usize, failure: Option<Failure>) {
        if let Some(span) = self.spans.get_mut(index) {
            (span.end, span.failure) = (self.clock, failure);
        }
    }

    /// Picks the model that serves a call: the one that was asked for, unless the router errs.
    pub fn route(&mut self, model: &'static Model) -> &'static Model {
        let errs = self.weather.misrouted > 0.0 && self.dice.chance(self.weather.misrouted);
        model.sibling.filter(|_| errs).unwrap_or(model)
    }

    /// Counts the tokens of a call by its text, four characters each, and draws those of reasoning.
    pub fn count(&mut self, asked: &Model, system: &str, tools: &str, messages: &[Message], output: &Message) -> Tokens {
        let of = |chars: usize| (chars as u64).div_ceil(4) + 4;
        let reasoning = if asked.reasoning > 0.0 { whole(self.dice.skewed(asked.reasoning, 0.5)) } else { 0 };
        Tokens {
            input: of(system.len()) + of(tools.len()) + messages.iter().map(|message| of(message.chars())).sum::<u64>(),
            output: of(output.chars()) + reasoning,
            reasoning,
            ..Tokens::default()
        }
    }

    /// Calls a model, once more if the first attempt fails; the error of the last attempt where that fails too.
    ///
    /// `asked` says how fast the call is, whichever model serves it in the end.
    pub fn chat(&mut self, parent: Option<usize>, asked: &Model, mut chat: Chat) -> Result<(), Failure> {
        for is_last in [false, true] {
            if !self.dice.chance(self.weather.failing) {
                let ttft = self.dice.skewed(asked.ttft_ms, 0.3) * self.weather.slowness;
                let writing = chat.tokens.output as f64 / asked.tokens_per_second * 1_000.0 * self.dice.skewed(1.0, 0.15) * self.weather.slowness;
                chat.ttft_micros = chat.ttft_micros.map(|_| micros(ttft));
                let span = self.open(parent, Step::Chat(chat));
                self.pass_ms(ttft + writing);
                self.close(span, None);
                return Ok(());
            }
            let failure = asked.failure(self.dice);
            let span = self.open(parent, Step::Chat(chat.clone()));
            let after = self.dice.skewed(failure.after_ms, 0.2);
            self.pass_ms(after);
            self.close(span, Some(failure));
            if is_last || !self.dice.chance(RETRIED) {
                return Err(failure);
            }
            let pause = self.dice.between(400.0, 1_200.0);
            self.pass_ms(pause);
        }
        Ok(())
    }
}

/// Turns milliseconds into microseconds, between none and an hour.
pub(super) fn micros(ms: f64) -> i64 {
    i64::try_from(whole(ms * 1_000.0)).unwrap_or_default().min(super::season::HOUR)
}

/// Rounds a number to a whole one, 0 where it is negative, at most a trillion.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
pub(super) fn whole(number: f64) -> u64 {
    number.round().clamp(0.0, 1e12) as u64
}
