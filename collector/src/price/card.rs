//! The rates of one model, read from its entry in a price file.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::off_peak::OffPeak;
use super::rate::Rate;
use super::tier::ServiceTier;

/// What a rate bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    AudioInput,
    AudioOutput,
}

/// Where a rate applies: to an item, above a prompt of some tokens, in a tier of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RateKey {
    pub item: Item,
    pub above: Option<u64>,
    pub tier: ServiceTier,
}

impl RateKey {
    /// The names of items, each before any name that it begins with.
    const ITEMS: [(&str, Item); 8] = [
        ("cache_creation_input_token_cost_above_1hr", Item::CacheWrite1h),
        ("cache_creation_input_token_cost", Item::CacheWrite),
        ("cache_read_input_token_cost", Item::CacheRead),
        ("input_cost_per_audio_token", Item::AudioInput),
        ("input_cost_per_token", Item::Input),
        ("output_cost_per_audio_token", Item::AudioOutput),
        ("output_cost_per_reasoning_token", Item::Reasoning),
        ("output_cost_per_token", Item::Output),
    ];

    /// Reads `input_cost_per_token_above_200k_tokens_priority` and its like; `None` for keys that do not price tokens.
    pub fn parse(key: &str) -> Option<Self> {
        let (item, mut rest) = Self::ITEMS.iter().find_map(|(name, item)| Some((*item, key.strip_prefix(name)?)))?;
        let mut parsed = Self { item, above: None, tier: ServiceTier::Standard };
        while !rest.is_empty() {
            if let Some((tier, after)) = ServiceTier::cut_suffix(rest) {
                (parsed.tier, rest) = (tier, after);
            } else {
                let (threshold, after) = rest.strip_prefix("_above_")?.split_once("_tokens")?;
                (parsed.above, rest) = (Some(parse_threshold(threshold)?), after);
            }
        }
        Some(parsed)
    }
}

/// Reads `200k` or `200`.
fn parse_threshold(text: &str) -> Option<u64> {
    match text.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1_000),
        None => text.parse().ok(),
    }
}

/// A set of rates, sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rates(Vec<(RateKey, Rate)>);

impl Rates {
    /// Returns the rate that stands under exactly this key.
    pub fn exact(&self, item: Item, above: Option<u64>, tier: ServiceTier) -> Option<Rate> {
        let key = RateKey { item, above, tier };
        self.0.binary_search_by(|(other, _)| other.cmp(&key)).ok().map(|at| self.0[at].1)
    }

    /// Returns the tier's rate, or else the standard one.
    pub fn in_tier(&self, item: Item, above: Option<u64>, tier: ServiceTier) -> Option<Rate> {
        self.exact(item, above, tier).or_else(|| self.exact(item, above, ServiceTier::Standard))
    }

    /// Returns the thresholds that matter in a tier, ascending: those with a rate of the tier or a standard rate.
    pub fn thresholds(&self, tier: ServiceTier) -> Vec<u64> {
        let matters = |key: &RateKey| key.tier == tier || key.tier == ServiceTier::Standard;
        let mut found: Vec<u64> = self.0.iter().filter(|(key, _)| matters(key)).filter_map(|(key, _)| key.above).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Rates for prompts of more than `from` and at most `to` tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub from: u64,
    pub to: u64,
    pub rates: Rates,
}

/// The rates of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Card {
    /// LiteLLM's name of the provider; exceptions go by it.
    pub provider: String,
    pub rates: Rates,
    /// `tiered_pricing`: when there are ranges, one of them prices the whole request; sorted.
    pub ranges: Vec<Range>,
    pub off_peak: Option<OffPeak>,
    /// Multipliers in millionths for the place where a call was served: `("eu", 1_100_000)`.
    pub uplifts: Vec<(String, i64)>,
    /// True where the provider bills the model by something that a span does not tell: queries, pixels, seconds.
    pub unit_is_not_tokens: bool,
}

/// One entry of a price file: a JSON object, its values still as text.
pub(super) type Entry<'a> = BTreeMap<String, &'a RawValue>;

/// The multiplier of every region but `global`, where the file has one.
pub(super) const ANY_REGION: &str = "*";

impl Card {
    /// Reads a model's entry; the error names the field that could not be read.
    pub fn parse(key: &str, entry: &Entry<'_>) -> Result<Self, String> {
        let mut card = Self { rates: parse_rates(entry)?, ..Self::default() };
        card.provider = match entry.get("litellm_provider") {
            Some(provider) => serde_json::from_str(provider.get()).map_err(|_| "litellm_provider".to_owned())?,
            None => key.split_once('/').map(|(provider, _)| provider.to_owned()).unwrap_or_default(),
        };
        if let Some(ranges) = present(entry, "tiered_pricing") {
            card.ranges = parse_ranges(ranges).ok_or("tiered_pricing")?;
        }
        if let Some(off_peak) = present(entry, "off_peak_pricing") {
            let fields: Entry<'_> = serde_json::from_str(off_peak.get()).map_err(|_| "off_peak_pricing".to_owned())?;
            card.off_peak = Some(OffPeak::parse(&fields, parse_rates(&fields)?).ok_or("off_peak_pricing")?);
        }
        card.uplifts = parse_uplifts(entry);
        let free = card.rates.exact(Item::Input, None, ServiceTier::Standard).is_none_or(|rate| rate.0 == 0);
        card.unit_is_not_tokens = free && entry.iter().any(|(key, value)| key.starts_with("input_cost_per_") && is_other_unit(key, value));
        Ok(card)
    }

    /// Returns whether any token of this model has a price.
    pub fn prices_tokens(&self) -> bool {
        !self.unit_is_not_tokens && (!self.ranges.is_empty() || !self.rates.0.is_empty())
    }
}

/// True for a rate above zero for something other than tokens.
fn is_other_unit(key: &str, value: &RawValue) -> bool {
    RateKey::parse(key).is_none() && rate_of(value).is_some_and(|rate| rate.0 > 0)
}

/// Returns a field unless it is absent or null.
fn present<'a>(entry: &Entry<'a>, key: &str) -> Option<&'a RawValue> {
    entry.get(key).copied().filter(|value| value.get() != "null")
}

/// Reads a rate that is a JSON number or, as files made from YAML have it, a number in quotes.
fn rate_of(value: &RawValue) -> Option<Rate> {
    Rate::parse(value.get().trim_matches('"'))
}

fn parse_rates(entry: &Entry<'_>) -> Result<Rates, String> {
    let mut rates = Vec::new();
    for (key, value) in entry {
        let Some(parsed) = RateKey::parse(key) else { continue };
        if value.get() != "null" {
            rates.push((parsed, rate_of(value).ok_or_else(|| key.clone())?));
        }
    }
    rates.sort_unstable();
    rates.dedup_by_key(|(key, _)| *key);
    Ok(Rates(rates))
}

fn parse_ranges(value: &RawValue) -> Option<Vec<Range>> {
    let entries: Vec<Entry<'_>> = serde_json::from_str(value.get()).ok()?;
    let mut ranges = Vec::new();
    for entry in &entries {
        let Some(bounds) = present(entry, "range") else { continue };
        let [from, to]: [f64; 2] = serde_json::from_str(bounds.get()).ok()?;
        let tokens = |bound: f64| format!("{bound:.0}").parse::<u64>().ok();
        ranges.push(Range { from: tokens(from)?, to: tokens(to)?, rates: parse_rates(entry).ok()? });
    }
    ranges.sort_by_key(|range| range.from);
    Some(ranges)
}

fn parse_uplifts(entry: &Entry<'_>) -> Vec<(String, i64)> {
    let millionths = |value: &RawValue| rate_of(value).map(|rate| rate.0 / 1_000_000_000_000);
    let mut uplifts = Vec::new();
    for (key, value) in entry {
        if let Some(region) = key.strip_prefix("regional_processing_uplift_multiplier_") {
            uplifts.extend(millionths(value).map(|factor| (region.to_owned(), factor)));
        } else if key == "regional_endpoint_uplift_multiplier" {
            uplifts.extend(millionths(value).map(|factor| (ANY_REGION.to_owned(), factor)));
        } else if key == "provider_specific_entry"
            && let Ok(factors) = serde_json::from_str::<Entry<'_>>(value.get())
        {
            let regions = factors.into_iter().filter(|(region, _)| region != "fast");
            uplifts.extend(regions.filter_map(|(region, value)| Some((region, millionths(value)?))));
        }
    }
    uplifts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expect: Option<(Item, Option<u64>, ServiceTier)>) {
        assert_eq!(RateKey::parse(key).map(|key| (key.item, key.above, key.tier)), expect, "{key}");
    }

    #[test]
    fn keys_say_item_threshold_and_tier() {
        use ServiceTier::{Batch, Flex, Priority, Standard};
        check("input_cost_per_token", Some((Item::Input, None, Standard)));
        check("output_cost_per_token_above_100k_tokens", Some((Item::Output, Some(100_000), Standard)));
        check("input_cost_per_token_above_32k_tokens", Some((Item::Input, Some(32_000), Standard)));
        check("input_cost_per_token_above_128_tokens_flex", Some((Item::Input, Some(128), Flex)));
        check("cache_read_input_token_cost_above_200k_tokens_priority", Some((Item::CacheRead, Some(200_000), Priority)));
        check("input_cost_per_token_priority_above_200k_tokens", Some((Item::Input, Some(200_000), Priority)));
        check("cache_creation_input_token_cost_above_1hr_above_100k_tokens", Some((Item::CacheWrite1h, Some(100_000), Standard)));
        check("output_cost_per_token_batches", Some((Item::Output, None, Batch)));
    }

    #[test]
    fn keys_that_price_something_else_are_left_alone() {
        for key in [
            "input_cost_per_token_cache_hit",
            "input_cost_per_query",
            "cache_creation_input_token_cost_above_12hr",
            "max_tokens",
            "input_cost_per_token_above_xk_tokens",
        ] {
            check(key, None);
        }
    }
}
