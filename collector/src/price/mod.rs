//! What a model call costs: list prices in the terms of LiteLLM's JSON file, versioned by date.
//!
//! [`PriceTable::price`] finds the model's rates as of the span's time and applies the billing rules in `rules.rs`. Everything is
//! integer arithmetic: a rate is read from its decimal text into atto-dollars (10⁻¹⁸ USD) a token, sums are exact, and the total
//! is rounded half up to nano-dollars once, at the end.
//!
//! Provider exceptions, each where LiteLLM's own calculator makes one:
//! - **xAI**: a tier above N tokens applies from N on (everywhere else it begins after N);
//! - **Fireworks**: cached input without a rate of its own costs half of the input rate, and service tiers do not exist;
//! - **Perplexity**: cache rates, service tiers and tiers above N tokens do not exist.

mod card;
mod lookup;
mod off_peak;
mod pricer;
mod rate;
mod rules;
mod table;
mod tier;
mod usage;

#[cfg(test)]
mod golden;

pub use pricer::Pricer;
pub use rate::Amount;
pub use rules::Cost;
pub use table::{Call, PriceError, PriceTable};
pub use usage::Usage;
