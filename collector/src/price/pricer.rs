//! Prices of many calls, of which most are of the same few models.

use schema::{Day, NanoUsd};

use super::card::Card;
use super::table::{Call, PriceTable};

/// Models that are remembered; a request with more of them looks some up again.
const KNOWN_MAX: usize = 32;

/// Prices calls, and looks each model up once a day of the calls: price lists change at midnight.
#[derive(Debug)]
pub struct Pricer<'a> {
    table: &'a PriceTable,
    known: Vec<Known<'a>>,
}

#[derive(Debug)]
struct Known<'a> {
    provider_raw: Option<String>,
    provider: Option<String>,
    model: String,
    day: Day,
    card: Option<&'a Card>,
}

impl<'a> Pricer<'a> {
    /// Prices by `table`.
    pub fn new(table: &'a PriceTable) -> Self {
        Self { table, known: Vec::new() }
    }

    /// Prices a call, as [`PriceTable::cost`] does.
    pub fn price(&mut self, call: &Call<'_>) -> Option<NanoUsd> {
        let card = match self.known.iter().find(|known| known.is_of(call)) {
            Some(known) => known.card,
            None => self.look_up(call),
        };
        call.cost(card?).map(|cost| cost.total())
    }

    fn look_up(&mut self, call: &Call<'_>) -> Option<&'a Card> {
        let card = self.table.card(call);
        if self.known.len() == KNOWN_MAX {
            self.known.clear();
        }
        let (provider_raw, provider) = (call.provider_raw.map(str::to_owned), call.provider.map(str::to_owned));
        self.known.push(Known { provider_raw, provider, model: call.model.to_owned(), day: call.at.day(), card });
        card
    }
}

impl Known<'_> {
    fn is_of(&self, call: &Call<'_>) -> bool {
        self.model == call.model
            && self.day == call.at.day()
            && self.provider.as_deref() == call.provider
            && self.provider_raw.as_deref() == call.provider_raw
    }
}

#[cfg(test)]
mod tests {
    use schema::Micros;

    use super::super::Usage;
    use super::*;

    const DAY: i64 = 86_400_000_000;

    /// Dates, providers and more models than are remembered: the price is the table's, in any order.
    #[test]
    fn what_is_remembered_is_what_the_table_says() {
        let models: Vec<String> =
            (0..KNOWN_MAX * 2).map(|n| format!("\"m{n}\": {{\"input_cost_per_token\": {n}e-6, \"output_cost_per_token\": 0}}")).collect();
        let dear = r#""m1": {"input_cost_per_token": 1.0, "output_cost_per_token": 0}, "m2": null"#;
        let versions = format!(r#"{{"versions": [{{"models": {{{}}}}}, {{"valid_from": "1970-01-11", "models": {{{dear}}}}}]}}"#, models.join(", "));
        let table = PriceTable::parse(&versions).unwrap();
        let mut pricer = Pricer::new(&table);
        let usage = Usage { input: 1_000, ..Usage::default() };
        for round in 0..3_000_i64 {
            let model = format!("m{}", round * 7 % (2 * KNOWN_MAX as i64));
            let (provider, at) = ([None, Some("nobody")][usize::from(round % 5 == 0)], Micros((round % 20) * DAY + round));
            let call = Call { usage, provider_raw: provider, provider: None, model: &model, service_tier: None, region: None, at };
            assert_eq!(pricer.price(&call), table.cost(&call).map(|cost| cost.total()), "{call:?}");
        }
    }
}
