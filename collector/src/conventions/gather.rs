//! Sorts the attributes of a span or record by what they mean.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::Value;

use super::keys::{self, Slot};
use super::messages::Message;
use super::{canonical, flat, value};

/// Attributes that are looked at; the rest stay in the JSON column unread.
const ATTRIBUTES_MAX: usize = 2048;

/// One source of a slot: an attribute, or a list that was flattened into many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub slot: Slot,
    pub rank: u8,
    /// Position of the attribute, or of the first one of a flattened list.
    pub at: usize,
    /// Prefix of a flattened list.
    pub prefix: Option<&'a str>,
}

/// The attributes of one span or record, with their meanings, best source first.
pub(super) struct Gathered<'a> {
    attributes: Vec<&'a KeyValue>,
    sources: Vec<Source<'a>>,
}

impl<'a> Gathered<'a> {
    /// Looks up what each attribute means; a later list only counts where an earlier one says nothing.
    pub(super) fn new(lists: &[&'a [KeyValue]]) -> Self {
        let attributes: Vec<&KeyValue> = lists.iter().flat_map(|list| list.iter()).take(ATTRIBUTES_MAX).collect();
        let mut sources: Vec<Source<'a>> = Vec::with_capacity(attributes.len());
        let mut prefixes: Vec<&str> = Vec::new();
        for (at, attribute) in attributes.iter().enumerate() {
            if attribute.value.as_ref().is_none_or(|value| value.value.is_none()) {
                continue;
            }
            let prefix = flat::prefix(&attribute.key);
            if let Some(prefix) = prefix {
                if prefixes.contains(&prefix) {
                    continue;
                }
                prefixes.push(prefix);
            }
            let key = prefix.unwrap_or(&attribute.key);
            if let Some(meaning) = keys::meaning(key).filter(|meaning| meaning.slot != Slot::Ignored) {
                sources.push(Source { slot: meaning.slot, rank: meaning.rank, at, prefix });
            }
        }
        sources.sort_by_key(|source| (source.slot as u8, source.rank));
        Self { attributes, sources }
    }

    /// Sources of a slot, best first.
    pub(super) fn of(&self, slot: Slot) -> impl Iterator<Item = Source<'a>> + '_ {
        let start = self.sources.partition_point(|source| (source.slot as u8) < slot as u8);
        self.sources[start..].iter().take_while(move |source| source.slot == slot).copied()
    }

    /// Whether there is any source of a slot.
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.of(slot).next().is_some()
    }

    /// Every source, by slot.
    pub(super) fn sources(&self) -> &[Source<'a>] {
        &self.sources
    }

    /// The key of an attribute.
    pub(super) fn key(&self, at: usize) -> &'a str {
        self.attributes.get(at).map_or("", |attribute| attribute.key.as_str())
    }

    /// The value of an attribute by its exact key.
    pub(super) fn exact(&self, key: &str) -> Option<&'a AnyValue> {
        self.attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.as_ref())
    }

    /// The attribute's value.
    pub(super) fn value(&self, at: usize) -> Option<&'a AnyValue> {
        self.attributes.get(at).and_then(|attribute| attribute.value.as_ref())
    }

    /// The attributes themselves.
    pub(super) fn attributes(&self) -> &[&'a KeyValue] {
        &self.attributes
    }

    fn best<T>(&self, slot: Slot, read: impl Fn(&'a AnyValue) -> Option<T>) -> Option<T> {
        self.of(slot).filter(|source| source.prefix.is_none()).find_map(|source| self.value(source.at).and_then(&read))
    }

    /// The best source of a slot that is text.
    pub(super) fn text(&self, slot: Slot) -> Option<Cow<'a, str>> {
        self.best(slot, value::scalar_text)
    }

    /// The best source of a slot that is a whole number.
    pub(super) fn int(&self, slot: Slot) -> Option<i64> {
        self.best(slot, value::int)
    }

    /// The best source of a slot that is a number.
    pub(super) fn float(&self, slot: Slot) -> Option<f64> {
        self.best(slot, value::float)
    }

    /// The best source of a slot that is a flag.
    pub(super) fn boolean(&self, slot: Slot) -> Option<bool> {
        self.best(slot, value::boolean)
    }

    /// The messages of a source that holds them as the columns do.
    pub(super) fn canonical(&self, source: Source<'a>) -> Option<Vec<Message>> {
        let text = source.prefix.is_none().then(|| self.value(source.at)).flatten().and_then(value::text)?;
        canonical::read(text)
    }

    /// A source as JSON: parsed, or put together again where it was flattened.
    pub(super) fn json(&self, source: Source<'a>) -> Option<Value> {
        match source.prefix {
            Some(prefix) => flat::rebuild(&self.attributes, prefix),
            None => self.value(source.at).and_then(value::json),
        }
    }
}
