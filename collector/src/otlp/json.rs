//! OTLP's JSON: lowerCamelCase names, hex ids, integers as text or numbers, unknown fields passed over.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::kind::Kind;
use super::limits::Meter;
use super::message::Message;

/// Reads an object into a message.
pub fn merge<'de, M: Message, D: Deserializer<'de>>(message: &mut M, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
    if M::NESTS {
        meter.enter().map_err(|fault| stop(meter, fault))?;
    }
    value.deserialize_map(Fields { message, meter })?;
    if M::NESTS {
        meter.leave();
    }
    Ok(())
}

/// Reads an array, each element of kind `K`.
pub fn list<'de, K: Kind<Slot: Default>, D: Deserializer<'de>>(slot: &mut Vec<K::Slot>, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
    value.deserialize_seq(Elements::<K> { slot, meter })
}

/// Counts memory, from inside the JSON parser.
pub fn charge<E: Error>(meter: &mut Meter<'_>, bytes: usize) -> Result<(), E> {
    meter.charge(bytes).map_err(|fault| stop(meter, fault))
}

fn stop<E: Error>(meter: &mut Meter<'_>, fault: super::Malformed) -> E {
    let error = E::custom(&fault);
    meter.fault = Some(fault);
    error
}

struct Fields<'m, 'b, M> {
    message: &'m mut M,
    meter: &'m mut Meter<'b>,
}

impl<'de, M: Message> Visitor<'de> for Fields<'_, '_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(tag) = map.next_key_seed(FieldName::<M>(PhantomData))? {
            self.message.json_field(tag, &mut map, self.meter)?;
        }
        Ok(())
    }
}

struct FieldName<M>(PhantomData<M>);

impl<'de, M: Message> DeserializeSeed<'de> for FieldName<M> {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<u32, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl<M: Message> Visitor<'_> for FieldName<M> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<u32, E> {
        Ok(M::tag_of(name))
    }
}

/// Reads a field's value into its slot, and tells whether there was one: a null is none.
pub struct Fill<'m, 'b, K: Kind> {
    /// What to fill.
    pub slot: &'m mut K::Slot,
    /// What it costs.
    pub meter: &'m mut Meter<'b>,
}

impl<'de, K: Kind> DeserializeSeed<'de> for Fill<'_, '_, K> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<bool, D::Error> {
        value.deserialize_option(self)
    }
}

impl<'de, K: Kind> Visitor<'de> for Fill<'_, '_, K> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<bool, D::Error> {
        K::json(self.slot, value, self.meter)?;
        Ok(true)
    }
}

struct Elements<'m, 'b, K: Kind> {
    slot: &'m mut Vec<K::Slot>,
    meter: &'m mut Meter<'b>,
}

impl<'de, K: Kind<Slot: Default>> Visitor<'de> for Elements<'_, '_, K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut element = K::Slot::default();
            if seq.next_element_seed(Fill::<K> { slot: &mut element, meter: self.meter })?.is_none() {
                return Ok(());
            }
            charge(self.meter, K::ELEMENT_BYTES)?;
            self.slot.push(element);
        }
    }
}

/// Reads a string.
pub fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Cow<'de, str>, D::Error> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_owned()))
        }
        fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text))
        }
    }
    value.deserialize_str(Text)
}

/// Reads an integer, which JSON may hold as a number or as text.
pub fn integer<'de, N: TryFrom<i128>, D: Deserializer<'de>>(value: D) -> Result<N, D::Error> {
    struct Integer;
    impl Visitor<'_> for Integer {
        type Value = i128;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer")
        }
        fn visit_i64<E: Error>(self, n: i64) -> Result<i128, E> {
            Ok(i128::from(n))
        }
        fn visit_u64<E: Error>(self, n: u64) -> Result<i128, E> {
            Ok(i128::from(n))
        }
        #[allow(clippy::cast_possible_truncation, reason = "the number is whole and far below the limits of i128")]
        fn visit_f64<E: Error>(self, n: f64) -> Result<i128, E> {
            if n.fract() == 0.0 && n.abs() < 1e20 { Ok(n as i128) } else { Err(E::custom(format_args!("{n} is not an integer"))) }
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
            text.parse().map_err(|_| E::custom("the text is not an integer"))
        }
    }
    let number = value.deserialize_any(Integer)?;
    N::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is beyond the field's range")))
}

/// Reads a floating point number, which JSON may hold as a number or as text: `"NaN"`, `"Infinity"`, `"-Infinity"`.
///
/// It is read from the raw text, because `serde_json` may be wrong in the last digit unless a feature says otherwise.
pub fn float<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    let raw = <&RawValue>::deserialize(value)?.get();
    let quoted = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    match quoted.unwrap_or(raw).parse::<f64>() {
        Ok(number) if number.is_finite() || quoted.is_some() => Ok(number),
        _ => Err(D::Error::custom(format_args!("{} is not a number", raw.chars().take(40).collect::<String>()))),
    }
}

/// Reads hex digits of either case; an odd number of them, or another character, is nothing.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Replaces halves of surrogate pairs (`\ud83d` without its `\ude00`) by U+FFFD; nothing, where there are none.
///
/// JavaScript writes them when a program cuts a string in the middle of an emoji; JSON parsers refuse them.
pub fn mend_surrogates(body: &str) -> Option<String> {
    let bytes = body.as_bytes();
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match escaped(bytes, at) {
            Some(0xd800..0xdc00) if matches!(escaped(bytes, at + 6), Some(0xdc00..0xe000)) => at += 12,
            Some(0xd800..0xe000) => {
                mended.push_str(body.get(copied..at)?);
                mended.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            _ => at += 2,
        }
    }
    if copied == 0 {
        return None;
    }
    mended.push_str(body.get(copied..)?);
    Some(mended)
}

/// The code unit of a `\uXXXX` escape at `at`.
fn escaped(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, c| Some(unit << 4 | u16::try_from(char::from(*c).to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_are_replaced_and_whole_pairs_stay() {
        assert_eq!(mend_surrogates(r#""a\ud83d""#).as_deref(), Some(r#""a\ufffd""#));
        assert_eq!(mend_surrogates(r#""\ude00 b \ud83d\ude00""#).as_deref(), Some(r#""\ufffd b \ud83d\ude00""#));
        assert_eq!(mend_surrogates(r#""\\ud83d é \ud83d\ude00""#), None);
        assert_eq!(mend_surrogates("\"\\"), None);
    }

    #[test]
    fn hex_wants_pairs_of_digits() {
        assert_eq!(hex("00fF"), Some(vec![0, 255]));
        assert_eq!(hex("0"), None);
        assert_eq!(hex("zz"), None);
        assert_eq!(hex(""), Some(vec![]));
    }
}
