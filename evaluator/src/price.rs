//! What calls of models cost: by the suite's own price, else by the price list that the binary hands in.

use std::fmt;
use std::sync::Arc;

use schema::NanoUsd;

use crate::chat::Usage;
use crate::spec::PriceSpec;

/// One call of a model, as a price list is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedCall<'a> {
    /// Who serves the model, as far as the address tells.
    pub provider: Option<&'a str>,
    /// Name of the model.
    pub model: &'a str,
    /// Tokens of the question, cached ones included.
    pub input_tokens: u64,
    /// Of these, tokens that the provider had in its cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

type List = dyn Fn(&PricedCall<'_>) -> Option<NanoUsd> + Send + Sync;

/// A price list; the empty one knows no model.
#[derive(Clone, Default)]
pub struct Prices(Option<Arc<List>>);

impl Prices {
    /// Makes a price list out of what answers for single calls; nothing where it does not know the model.
    pub fn new(list: impl Fn(&PricedCall<'_>) -> Option<NanoUsd> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(list)))
    }

    /// Prices a call.
    pub fn of(&self, call: &PricedCall<'_>) -> Option<NanoUsd> {
        self.0.as_ref().and_then(|list| list(call))
    }
}

impl Prices {
    /// Whether calls of a model have a price, by its id in a suite and the address that stands beside it.
    pub(crate) fn know(&self, id: &str, address: Option<&str>) -> bool {
        match (id.strip_prefix("openai:"), id.strip_prefix("bedrock:")) {
            (Some(model), _) => Pricing::at(address.unwrap_or_default(), model.strip_prefix("chat:").unwrap_or(model), None, self).is_known(),
            (_, Some(model)) => Pricing::on_bedrock(model.strip_prefix("converse:").unwrap_or(model), None, self).is_known(),
            _ => false,
        }
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Prices(..)" } else { "Prices(none)" })
    }
}

impl PartialEq for Prices {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// How the calls of one model are priced.
#[derive(Debug, Clone)]
pub(crate) struct Pricing {
    own: Option<PriceSpec>,
    list: Prices,
    provider: Option<&'static str>,
    model: String,
}

impl Pricing {
    /// Of a model at an address; who serves it there is told by the host's name.
    pub(crate) fn at(address: &str, model: &str, own: Option<PriceSpec>, list: &Prices) -> Self {
        Self { own, list: list.clone(), provider: provider_at(address), model: model.to_owned() }
    }

    /// Of a model on Amazon Bedrock.
    pub(crate) fn on_bedrock(model: &str, own: Option<PriceSpec>, list: &Prices) -> Self {
        Self { own, list: list.clone(), provider: Some("aws.bedrock"), model: model.to_owned() }
    }

    /// Adds to what a call used what that cost; nothing where no price is known, or no token was counted.
    pub(crate) fn priced(&self, used: Usage) -> Usage {
        let cost = match self.own {
            Some(price) => Some(price.of(used)),
            None if used.input_tokens.is_none() && used.output_tokens.is_none() => None,
            None => self.list.of(&self.call(used)),
        };
        Usage { cost, ..used }
    }

    /// Whether a call would have a price.
    fn is_known(&self) -> bool {
        self.priced(Usage { input_tokens: Some(1_000), output_tokens: Some(1_000), ..Usage::default() }).cost.is_some()
    }

    fn call(&self, used: Usage) -> PricedCall<'_> {
        let tokens = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        PricedCall {
            provider: self.provider,
            model: &self.model,
            input_tokens: tokens(used.input_tokens),
            cached_tokens: tokens(used.cached_tokens),
            output_tokens: tokens(used.output_tokens),
        }
    }
}

impl PriceSpec {
    /// What a call cost; dollars a million tokens are a thousand nano-dollars a token.
    pub(crate) fn of(self, used: Usage) -> NanoUsd {
        let nanos = (used.input_tokens.unwrap_or(0) as f64 * self.input + used.output_tokens.unwrap_or(0) as f64 * self.output) * 1e3;
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and no run costs 9 billion dollars")]
        let nanos = nanos.round() as i64;
        NanoUsd(nanos)
    }
}

/// Hosts that serve models at prices of their own. Elsewhere the model's name alone has to tell.
const HOSTS: [(&str, &str); 9] = [
    ("api.openai.com", "openai"),
    ("api.mistral.ai", "mistral"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
    ("api.together.xyz", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
];

fn provider_at(address: &str) -> Option<&'static str> {
    let url = reqwest::Url::parse(address).ok()?;
    let host = url.host_str()?;
    HOSTS.iter().find(|(known, _)| *known == host).map(|(_, provider)| *provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(input: i64, output: i64) -> Usage {
        Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
    }

    #[test]
    fn the_suites_price_goes_before_the_list() {
        let list = Prices::new(|call| (call.model == "gpt" && call.provider == Some("openai")).then_some(NanoUsd(7)));
        let at = |address: &str, own| Pricing::at(address, "gpt", own, &list).priced(used(10, 2)).cost;
        assert_eq!(at("https://api.openai.com/v1", None), Some(NanoUsd(7)));
        assert_eq!(at("https://api.openai.com/v1", Some(PriceSpec { input: 0.15, output: 0.6 })), Some(NanoUsd(2_700)));
        assert_eq!(at("http://127.0.0.1:8000/v1", None), None);
        assert!(list.know("openai:chat:gpt", Some("https://api.openai.com/v1")) && !list.know("openai:chat:gpt", None));
        assert!(!Prices::default().know("openai:chat:gpt", Some("https://api.openai.com/v1")));
    }

    /// A call whose tokens nobody counted did not cost nothing.
    #[test]
    fn what_was_not_counted_has_no_price() {
        let list = Prices::new(|_| Some(NanoUsd(0)));
        assert_eq!(Pricing::at("", "gpt", None, &list).priced(Usage::default()).cost, None);
    }
}
