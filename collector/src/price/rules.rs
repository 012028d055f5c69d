//! The billing rules: from a model's rates and a call's tokens to an amount.
//!
//! `cost = fresh·input + cached·cache_read + written·cache_write (an hour's writes at their own rate) + output·output (reasoning
//! and audio at their own rates)`, where
//! - a tier `_above_<N>k_tokens` prices the **whole** request once the prompt, cached tokens included, is longer than N;
//! - `tiered_pricing` picks one range `(from, to]` for the whole request; a prompt beyond the last range takes the last;
//! - the rate of a service tier falls back to the standard one;
//! - `batch` takes `_batches` rates; a model without them costs half of standard;
//! - an absent cache rate is the input rate, an absent reasoning or audio rate the plain one; an explicit 0 is a price;
//! - off-peak rates replace the others while their window is open;
//! - a region's uplift multiplies the whole.

use schema::{Micros, NanoUsd};

use super::card::{ANY_REGION, Card, Item, Range, Rates};
use super::rate::{Amount, Rate};
use super::tier::ServiceTier;
use super::usage::Usage;

/// What a call costs, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// All input: fresh, cached, written to the cache, audio.
    pub input: Amount,
    /// All output: text, reasoning, audio.
    pub output: Amount,
}

impl Cost {
    /// Returns input and output together, rounded half up once.
    pub fn total(&self) -> NanoUsd {
        (self.input + self.output).round()
    }
}

/// Prices a call; `None` where the card has no rate for tokens that were used.
pub(super) fn cost(card: &Card, usage: &Usage, tier: ServiceTier, region: Option<&str>, at: Micros) -> Option<Cost> {
    if !card.prices_tokens() {
        return None;
    }
    let exceptions = Exceptions::of(&card.provider);
    let found = find(card, usage, tier, exceptions);
    let off_peak = card.off_peak.as_ref().filter(|off_peak| off_peak.is_open(at));
    let found = off_peak.map_or(found, |off_peak| replace(found, &off_peak.rates));
    let standard = found.complete(usage, exceptions)?;
    let rates = if tier == ServiceTier::Batch { batch(&card.rates, standard, usage, exceptions) } else { standard };
    Some(total(&rates, usage, uplift(card, region)))
}

/// What one provider does unlike all others; the module's doc names them.
#[derive(Clone, Copy)]
struct Exceptions {
    threshold_is_inclusive: bool,
    has_service_tiers: bool,
    has_prompt_tiers: bool,
    has_cache_rates: bool,
    /// The rate of cached input where the file gives none, from the input rate.
    cached_default: fn(Rate) -> Rate,
}

impl Exceptions {
    fn of(provider: &str) -> Self {
        let none = Self {
            threshold_is_inclusive: false,
            has_service_tiers: true,
            has_prompt_tiers: true,
            has_cache_rates: true,
            cached_default: |input| input,
        };
        match provider {
            "xai" => Self { threshold_is_inclusive: true, ..none },
            "perplexity" => Self { has_service_tiers: false, has_prompt_tiers: false, has_cache_rates: false, ..none },
            "fireworks_ai" => Self { has_service_tiers: false, cached_default: Rate::half, ..none },
            _ => none,
        }
    }

    /// Returns whether a prompt is long enough for the tier above `threshold`.
    fn is_above(self, prompt: u64, threshold: u64) -> bool {
        self.has_prompt_tiers && (prompt > threshold || (self.threshold_is_inclusive && prompt == threshold))
    }
}

/// The rates that the file gives for one request, without those that it leaves out.
#[derive(Clone, Copy)]
struct Found {
    input: Option<Rate>,
    output: Option<Rate>,
    cache_read: Option<Rate>,
    cache_write: Option<Rate>,
    cache_write_1h: Option<Rate>,
    reasoning: Option<Rate>,
    audio_in: Option<Rate>,
    audio_out: Option<Rate>,
}

impl Found {
    /// Asks for the rate of each item.
    fn each(rate: impl Fn(Item) -> Option<Rate>) -> Self {
        Self {
            input: rate(Item::Input),
            output: rate(Item::Output),
            cache_read: rate(Item::CacheRead),
            cache_write: rate(Item::CacheWrite),
            cache_write_1h: rate(Item::CacheWrite1h),
            reasoning: rate(Item::Reasoning),
            audio_in: rate(Item::AudioInput),
            audio_out: rate(Item::AudioOutput),
        }
    }

    fn get(&self, item: Item) -> Option<Rate> {
        match item {
            Item::Input => self.input,
            Item::Output => self.output,
            Item::CacheRead => self.cache_read,
            Item::CacheWrite => self.cache_write,
            Item::CacheWrite1h => self.cache_write_1h,
            Item::Reasoning => self.reasoning,
            Item::AudioInput => self.audio_in,
            Item::AudioOutput => self.audio_out,
        }
    }

    /// Fills in what is left out; `None` where tokens were used that have no rate.
    fn complete(self, usage: &Usage, exceptions: Exceptions) -> Option<Billing> {
        let input = self.input.or((usage.prompt() == 0).then_some(Rate(0)))?;
        let output = self.output.or((usage.output == 0).then_some(Rate(0)))?;
        let cached = |rate: Option<Rate>| rate.filter(|_| exceptions.has_cache_rates);
        let cache_write = cached(self.cache_write).unwrap_or(input);
        Some(Billing {
            input,
            output,
            cache_read: cached(self.cache_read).unwrap_or((exceptions.cached_default)(input)),
            cache_write,
            cache_write_1h: cached(self.cache_write_1h).unwrap_or(cache_write),
            reasoning: self.reasoning.unwrap_or(output),
            audio_in: self.audio_in.unwrap_or(input),
            audio_out: self.audio_out.unwrap_or(output),
        })
    }
}

/// The rates that one request is billed at.
#[derive(Clone, Copy)]
struct Billing {
    input: Rate,
    output: Rate,
    cache_read: Rate,
    cache_write: Rate,
    cache_write_1h: Rate,
    reasoning: Rate,
    audio_in: Rate,
    audio_out: Rate,
}

/// Finds the rates for a prompt of this length in this tier of service; those of `batch` come later, out of the standard ones.
fn find(card: &Card, usage: &Usage, tier: ServiceTier, exceptions: Exceptions) -> Found {
    if let Some(range) = range_of(card, usage, exceptions) {
        return in_range(range, &card.rates);
    }
    let tier = if exceptions.has_service_tiers && tier != ServiceTier::Batch { tier } else { ServiceTier::Standard };
    let mut found = Found::each(|item| card.rates.in_tier(item, None, tier));
    if card.rates.exact(Item::Reasoning, None, tier).is_none()
        && card.rates.exact(Item::Output, None, tier).is_some()
        && tier != ServiceTier::Standard
    {
        // The tier prices output and is silent about reasoning: reasoning is output.
        found.reasoning = None;
    }
    for threshold in card.rates.thresholds(tier) {
        if exceptions.is_above(usage.prompt(), threshold) {
            found = Found::each(|item| card.rates.in_tier(item, Some(threshold), tier).or(found.get(item)));
        }
    }
    found
}

fn range_of<'a>(card: &'a Card, usage: &Usage, exceptions: Exceptions) -> Option<&'a Range> {
    if !exceptions.has_prompt_tiers {
        return None;
    }
    let prompt = usage.prompt();
    let holds = |range: &&Range| (range.from < prompt || prompt == 0) && prompt <= range.to;
    card.ranges.iter().find(holds).or(card.ranges.last())
}

/// A range speaks for itself, but for the output rate where it gives input rates alone.
fn in_range(range: &Range, flat: &Rates) -> Found {
    let found = Found::each(|item| range.rates.exact(item, None, ServiceTier::Standard));
    Found { output: found.output.or(flat.exact(Item::Output, None, ServiceTier::Standard)), ..found }
}

/// Replaces the rates that the off-peak block names.
fn replace(found: Found, off_peak: &Rates) -> Found {
    Found::each(|item| off_peak.exact(item, None, ServiceTier::Standard).or(found.get(item)))
}

/// Takes `_batches` rates. With an input rate among them, absent cache rates are that rate; without one, input is half of standard.
fn batch(rates: &Rates, standard: Billing, usage: &Usage, exceptions: Exceptions) -> Billing {
    let rate = |item| {
        let above = |threshold: &u64| exceptions.is_above(usage.prompt(), *threshold);
        let crossed = rates.thresholds(ServiceTier::Batch).into_iter().rev().filter(above);
        let tiered = crossed.into_iter().find_map(|threshold| rates.exact(item, Some(threshold), ServiceTier::Batch));
        tiered.or_else(|| rates.exact(item, None, ServiceTier::Batch))
    };
    let own_input = rate(Item::Input);
    let cached = |item, default: Rate| rate(item).filter(|_| exceptions.has_cache_rates).or(own_input).unwrap_or(default.half());
    let own_output = rate(Item::Output);
    let cache_write = cached(Item::CacheWrite, standard.cache_write);
    let cache_write_1h = match (rate(Item::CacheWrite1h), rate(Item::CacheWrite).or(own_input)) {
        (Some(rate), _) if exceptions.has_cache_rates => rate,
        (_, Some(_)) => cache_write,
        (_, None) => standard.cache_write_1h.half(),
    };
    Billing {
        input: own_input.unwrap_or(standard.input.half()),
        output: own_output.unwrap_or(standard.output.half()),
        cache_read: cached(Item::CacheRead, standard.cache_read),
        cache_write,
        cache_write_1h,
        reasoning: rate(Item::Reasoning).or(own_output).unwrap_or(standard.reasoning.half()),
        audio_in: rate(Item::AudioInput).unwrap_or(standard.audio_in.half()),
        audio_out: rate(Item::AudioOutput).unwrap_or(standard.audio_out.half()),
    }
}

/// The factor of the region where the call was served, in millionths.
fn uplift(card: &Card, region: Option<&str>) -> i64 {
    let Some(region) = region.filter(|region| !region.eq_ignore_ascii_case("global")) else { return 1_000_000 };
    let named = card.uplifts.iter().find(|(name, _)| name.eq_ignore_ascii_case(region));
    named.or_else(|| card.uplifts.iter().find(|(name, _)| name == ANY_REGION)).map_or(1_000_000, |(_, factor)| *factor)
}

fn total(rates: &Billing, usage: &Usage, uplift: i64) -> Cost {
    let billed = usage.billed();
    let input = [
        rates.input.of(billed.text_in),
        rates.audio_in.of(billed.audio_in),
        rates.cache_read.of(billed.cache_read),
        rates.cache_write.of(billed.cache_write_5m),
        rates.cache_write_1h.of(billed.cache_write_1h),
    ];
    let output = [rates.output.of(billed.text_out), rates.reasoning.of(billed.reasoning), rates.audio_out.of(billed.audio_out)];
    let sum = |amounts: &[Amount]| amounts.iter().copied().sum::<Amount>().times_millionths(uplift);
    Cost { input: sum(&input), output: sum(&output) }
}
