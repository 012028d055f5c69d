//! The price list for the evaluator: the one that spans are priced by.

use std::sync::{Arc, OnceLock};

use collector::price::Usage;
use evaluator::{EvaluatorConfig, PricedCall, Prices};

use crate::clock;
use crate::config::Config;

/// The evaluator's settings with the price list, as of now; the list is read when the first call is priced.
pub fn priced(config: &Config) -> EvaluatorConfig {
    let (table, settings, now) = (OnceLock::new(), config.clone(), clock::now());
    let list = move |call: &PricedCall<'_>| {
        let table = table.get_or_init(|| {
            crate::serve::prices(&settings).unwrap_or_else(|error| {
                tracing::warn!(%error, "the price list cannot be read: calls have no price but a suite's own");
                Arc::default()
            })
        });
        let usage = Usage { input: call.input_tokens, output: call.output_tokens, cache_read: call.cached_tokens, ..Usage::default() };
        table.price(&usage, call.provider, None, call.model, None, now)
    };
    EvaluatorConfig { prices: Prices::new(list), ..config.evaluator.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_priced_by_the_shipped_list() {
        let call = |provider, model| PricedCall { provider, model, input_tokens: 1_000_000, cached_tokens: 0, output_tokens: 0 };
        let prices = priced(&Config::default()).prices;
        assert_eq!(prices.of(&call(None, "gpt-4o-mini")).map(|cost| cost.0), Some(150_000_000));
        assert!(prices.of(&call(Some("aws.bedrock"), "anthropic.claude-3-haiku-20240307-v1:0")).is_some());
        assert_eq!(prices.of(&call(None, "a-model-of-nobody")), None);
    }
}
