//! The price table: versions of price lists by date, and the lookup as of a moment.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use schema::{Micros, NanoUsd};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::card::{Card, Entry};
use super::lookup::{candidates, stem};
use super::rules::{self, Cost};
use super::tier::ServiceTier;
use super::usage::Usage;

/// The price list that karat ships.
const SHIPPED: &str = include_str!("models.json");

/// A price file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file could not be read.
    #[error("cannot read price file {}: {source}; check the path in karat.toml", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not a price file.
    #[error(
        "not a price file: {reason}; wanted LiteLLM's JSON object of models, or {{\"versions\": [{{\"valid_from\": \"2026-01-31\", \"models\": {{...}}}}]}}"
    )]
    Format {
        /// What is wrong.
        reason: String,
    },
}

/// One model call to price.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Tokens that were used.
    pub usage: Usage,
    /// Provider as the span names it.
    pub provider_raw: Option<&'a str>,
    /// Family of the provider.
    pub provider: Option<&'a str>,
    /// The model that answered, or else the one that was asked for.
    pub model: &'a str,
    /// Tier of service as the span names it.
    pub service_tier: Option<&'a str>,
    /// Where the call was served, as in `eu` or `us-east5`; some models cost more outside `global`.
    pub region: Option<&'a str>,
    /// When the call was made.
    pub at: Micros,
}

/// List prices of models, versioned by date.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    /// Price lists, the one that wins first.
    lists: Vec<List>,
    skipped: Vec<String>,
}

/// The versions of one price list, newest first; each holds only what it changes.
#[derive(Debug, Clone, Default)]
struct List(Vec<Version>);

#[derive(Debug, Clone)]
struct Version {
    valid_from: Micros,
    /// `None` for a model that is no longer sold.
    cards: HashMap<String, Option<Card>>,
    /// From what is left of a key without its date to the key itself.
    stems: HashMap<String, String>,
}

#[derive(Deserialize)]
struct VersionFile<'a> {
    valid_from: Option<chrono::NaiveDate>,
    #[serde(borrow)]
    models: BTreeMap<String, &'a RawValue>,
}

impl PriceTable {
    /// Returns the list that karat ships: some sixty current and recent models.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).unwrap_or_default()
    }

    /// Reads a price file over the shipped list: its models win at every date, models that it does not name keep the shipped price.
    ///
    /// Errors if the file cannot be read or is not a price file.
    pub fn load(path: &Path) -> Result<Self, PriceError> {
        let text = std::fs::read_to_string(path).map_err(|source| PriceError::Read { path: path.to_owned(), source })?;
        let mut table = Self::parse(&text)?;
        table.lists.extend(Self::shipped().lists);
        Ok(table)
    }

    /// Reads the text of a price file, alone.
    ///
    /// It is LiteLLM's `model_prices_and_context_window.json` as it is, valid at all times; or `{"versions": [{"valid_from":
    /// "2026-01-31", "models": {…}}, …]}`, where `models` has the same form, a version names only the models that it changes,
    /// `null` takes a model off the list, and one version may go without `valid_from` to hold from the beginning.
    ///
    /// Errors if the text is neither. A model whose entry cannot be read is left out and named in [`Self::skipped`].
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let format = |error: serde_json::Error| PriceError::Format { reason: error.to_string() };
        let top: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(format)?;
        let files = match top.get("versions") {
            Some(versions) => serde_json::from_str(versions.get()).map_err(format)?,
            None => vec![VersionFile { valid_from: None, models: top }],
        };
        let mut skipped = Vec::new();
        let mut versions: Vec<Version> = files.iter().map(|file| Version::read(file, &mut skipped)).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.valid_from));
        Ok(Self { lists: vec![List(versions)], skipped })
    }

    /// Returns the models whose entries could not be read, each with the field at fault.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Returns how many entries there are, over all versions.
    pub fn n_models(&self) -> usize {
        self.lists.iter().flat_map(|list| &list.0).map(|version| version.cards.len()).sum()
    }

    /// Prices a call as of a moment; `None` where no price is known for the model or for the tokens that it used.
    pub fn price(
        &self,
        usage: &Usage,
        provider_raw: Option<&str>,
        provider: Option<&str>,
        model: &str,
        service_tier: Option<&str>,
        at: Micros,
    ) -> Option<NanoUsd> {
        self.cost(&Call { usage: *usage, provider_raw, provider, model, service_tier, region: None, at }).map(|cost| cost.total())
    }

    /// Prices a call, input and output apart.
    pub fn cost(&self, call: &Call<'_>) -> Option<Cost> {
        call.cost(self.card(call)?)
    }

    /// Finds what the model of a call costs on the day of the call.
    pub(super) fn card(&self, call: &Call<'_>) -> Option<&Card> {
        let keys = candidates(call.provider_raw, call.provider, call.model);
        self.lists.iter().find_map(|list| keys.iter().find_map(|key| list.card(key, call.at)))
    }
}

impl Call<'_> {
    /// Prices the call by what its model costs.
    pub(super) fn cost(&self, card: &Card) -> Option<Cost> {
        rules::cost(card, &self.usage, ServiceTier::of_span(self.service_tier), self.region, self.at)
    }
}

impl List {
    /// Finds the entry under a key, or under the key without date and version, as of a moment.
    fn card(&self, key: &str, at: Micros) -> Option<&Card> {
        let valid = || self.0.iter().filter(|version| version.valid_from <= at);
        let by_name = |name: &str| valid().find_map(|version| version.cards.get(name));
        match by_name(key) {
            Some(card) => card.as_ref(),
            None => {
                let stem = stem(key);
                valid().find_map(|version| by_name(version.stems.get(&stem)?)).and_then(Option::as_ref)
            }
        }
    }
}

impl Version {
    fn read(file: &VersionFile<'_>, skipped: &mut Vec<String>) -> Self {
        let mut version = Self { valid_from: Micros(i64::MIN), cards: HashMap::new(), stems: HashMap::new() };
        if let Some(date) = file.valid_from {
            version.valid_from = date.and_time(chrono::NaiveTime::MIN).and_utc().into();
        }
        for (key, text) in &file.models {
            if text.get() == "null" {
                version.insert(key, None);
                continue;
            }
            let entry: Result<Entry<'_>, String> = serde_json::from_str(text.get()).map_err(|_| "not an object".to_owned());
            match entry.and_then(|entry| Card::parse(key, &entry)) {
                Ok(card) => version.insert(key, Some(card)),
                Err(field) => skipped.push(format!("{key}: {field}")),
            }
        }
        version
    }

    /// Several releases may share a stem; the undated key speaks for it, or else the latest.
    fn insert(&mut self, key: &str, card: Option<Card>) {
        self.cards.insert(key.to_owned(), card);
        let stem = stem(key);
        let rank = |other: &str| (other == stem, other.to_owned());
        if self.stems.get(&stem).is_none_or(|other| rank(other) < rank(key)) {
            self.stems.insert(stem, key.to_owned());
        }
    }
}
