//! What an app says about its answer beside the answer.

use schema::NanoUsd;
use serde_json::Value;

use crate::chat::Usage;
use crate::spec::PriceSpec;
use crate::target::http::search;

/// Where in a response stands what the answer took; what is not there is not known.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub trace: Option<jmespath::Expression<'static>>,
    pub cost: Option<jmespath::Expression<'static>>,
    pub usage: Option<jmespath::Expression<'static>>,
    pub price: Option<PriceSpec>,
}

impl Told {
    pub(super) fn trace_id(&self, body: Option<&Value>) -> Option<String> {
        found(self.trace.as_ref(), body)?.as_str().map(str::to_owned)
    }

    /// Tokens in any of the common words, and the cost: as the app says it, else by the price of the tokens.
    pub(super) fn usage(&self, body: Option<&Value>) -> Usage {
        let tokens = found(self.usage.as_ref(), body).unwrap_or_default();
        let count = |keys: &[&str]| keys.iter().find_map(|key| tokens.pointer(key)?.as_i64());
        let usage = Usage {
            input_tokens: count(&["/input_tokens", "/prompt_tokens", "/inputTokens", "/promptTokens", "/prompt", "/input"]),
            output_tokens: count(&["/output_tokens", "/completion_tokens", "/outputTokens", "/completionTokens", "/completion", "/output"]),
            cached_tokens: count(&["/cached_tokens", "/prompt_tokens_details/cached_tokens", "/input_tokens_details/cached_tokens"]),
            cost: None,
        };
        let is_counted = usage.input_tokens.is_some() || usage.output_tokens.is_some();
        let by_price = || self.price.filter(|_| is_counted).map(|price| price.of(usage));
        Usage { cost: found(self.cost.as_ref(), body).as_ref().and_then(dollars).or_else(by_price), ..usage }
    }
}

fn found(path: Option<&jmespath::Expression<'static>>, body: Option<&Value>) -> Option<Value> {
    search(path?, body?).ok().filter(|found| !found.is_null())
}

/// Dollars: a number, or a text that is one.
fn dollars(value: &Value) -> Option<NanoUsd> {
    let dollars = value.as_f64().or_else(|| value.as_str()?.trim().trim_start_matches('$').parse().ok())?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no answer costs 9 billion dollars")]
    let nanos = (dollars * 1e9).round() as i64;
    (dollars.is_finite() && dollars >= 0.0).then_some(NanoUsd(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(cost: Option<&str>, usage: Option<&str>) -> Told {
        let compile = |path: Option<&str>| path.map(|path| jmespath::compile(path).unwrap());
        Told { cost: compile(cost), usage: compile(usage), price: Some(PriceSpec { input: 1.0, output: 10.0 }), trace: None }
    }

    #[test]
    fn tokens_are_read_in_every_spelling() {
        for tokens in [
            json!({"prompt_tokens": 7, "completion_tokens": 2}),
            json!({"input_tokens": 7, "output_tokens": 2}),
            json!({"inputTokens": 7, "outputTokens": 2}),
        ] {
            let usage = told(None, Some("meta.usage")).usage(Some(&json!({"meta": {"usage": tokens}})));
            assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost), (Some(7), Some(2), Some(NanoUsd(27_000))));
        }
    }

    #[test]
    fn what_the_app_says_it_cost_goes_first() {
        let cost = |body: Value| told(Some("cost"), Some("usage")).usage(Some(&body)).cost;
        assert_eq!(cost(json!({"cost": 0.25, "usage": {"input_tokens": 7}})), Some(NanoUsd(250_000_000)));
        assert_eq!(cost(json!({"cost": "$0.25"})), Some(NanoUsd(250_000_000)));
        assert_eq!(cost(json!({"cost": -1, "usage": {}})), None);
        assert_eq!(told(None, None).usage(None), Usage::default());
    }
}
