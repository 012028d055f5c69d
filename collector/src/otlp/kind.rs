//! The kinds of fields that OTLP's messages have, each read from protobuf and from JSON.

use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::Error;

use super::base64;
use super::json;
use super::limits::Meter;
use super::message::Message;
use super::wire::{self, Reader, Wire};
use super::{Malformed, UNREADABLE_ID};

/// Where a field stands: its number, and how it is written there.
#[derive(Clone, Copy)]
pub struct At {
    /// The field's number.
    pub tag: u32,
    /// How it is written.
    pub wire: Wire,
}

impl At {
    fn want(self, wire: Wire) -> Result<(), Malformed> {
        if self.wire == wire { Ok(()) } else { Err(Malformed::WireType { tag: self.tag }) }
    }
}

/// A kind of field: the Rust type that holds it, and how it is read.
pub trait Kind {
    /// What holds the field.
    type Slot;

    /// Memory of one element of a list, beside what it points to, in bytes.
    const ELEMENT_BYTES: usize = size_of::<Self::Slot>();

    /// Reads the field out of protobuf.
    fn wire(slot: &mut Self::Slot, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed>;

    /// Reads the field out of JSON; a null never comes here.
    fn json<'de, D: Deserializer<'de>>(slot: &mut Self::Slot, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error>;
}

/// UTF-8 text; what is not UTF-8 becomes U+FFFD.
pub struct Text;

impl Kind for Text {
    type Slot = String;

    fn wire(slot: &mut String, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        at.want(Wire::Bytes)?;
        let bytes = reader.bytes()?;
        meter.charge(bytes.len())?;
        *slot = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                meter.n_repaired += 1;
                String::from_utf8_lossy(bytes).into_owned()
            }
        };
        Ok(())
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut String, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        *slot = json::text(value)?.into_owned();
        json::charge(meter, slot.len())
    }
}

/// Bytes; base64 in JSON.
pub struct Blob;

impl Kind for Blob {
    type Slot = Vec<u8>;

    fn wire(slot: &mut Vec<u8>, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        at.want(Wire::Bytes)?;
        let bytes = reader.bytes()?;
        meter.charge(bytes.len())?;
        *slot = bytes.to_vec();
        Ok(())
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut Vec<u8>, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        let text = json::text(value)?;
        *slot = base64::decode(&text).ok_or_else(|| D::Error::custom("bytes are not base64"))?;
        json::charge(meter, slot.len())
    }
}

/// The id of a trace or a span; hex in JSON. One that is not hex is kept as an id of a wrong length, so that its span alone is rejected.
pub struct Id;

impl Kind for Id {
    type Slot = Vec<u8>;

    fn wire(slot: &mut Vec<u8>, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        Blob::wire(slot, at, reader, meter)
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut Vec<u8>, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        *slot = json::hex(&json::text(value)?).unwrap_or_else(|| UNREADABLE_ID.to_vec());
        json::charge(meter, slot.len())
    }
}

/// A boolean.
pub struct Bool;

impl Kind for Bool {
    type Slot = bool;

    fn wire(slot: &mut bool, at: At, reader: &mut Reader<'_>, _: &mut Meter<'_>) -> Result<(), Malformed> {
        at.want(Wire::Varint)?;
        *slot = reader.varint()? != 0;
        Ok(())
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut bool, value: D, _: &mut Meter<'_>) -> Result<(), D::Error> {
        *slot = serde::Deserialize::deserialize(value)?;
        Ok(())
    }
}

/// A number that protobuf writes in a fixed way.
pub trait Number: Kind<Slot: Copy + Default> {
    /// How one number alone is written.
    const WIRE: Wire;

    /// Reads one number, without its key.
    fn one(reader: &mut Reader<'_>) -> Result<Self::Slot, Malformed>;
}

macro_rules! number {
    ($(#[doc = $doc:literal])+ $name:ident, $type:ty, $wire:path, $json:path, |$reader:ident| $read:expr) => {
        $(#[doc = $doc])+
        pub struct $name;

        impl Number for $name {
            const WIRE: Wire = $wire;

            fn one($reader: &mut Reader<'_>) -> Result<$type, Malformed> {
                Ok($read)
            }
        }

        impl Kind for $name {
            type Slot = $type;

            fn wire(slot: &mut $type, at: At, reader: &mut Reader<'_>, _: &mut Meter<'_>) -> Result<(), Malformed> {
                at.want(Self::WIRE)?;
                *slot = Self::one(reader)?;
                Ok(())
            }

            fn json<'de, D: Deserializer<'de>>(slot: &mut $type, value: D, _: &mut Meter<'_>) -> Result<(), D::Error> {
                *slot = $json(value)?;
                Ok(())
            }
        }
    };
}

number!(
    /// An unsigned number of eight bytes, such as a time.
    Fixed64, u64, Wire::Fixed64, json::integer, |reader| u64::from_le_bytes(reader.fixed64()?)
);
number!(
    /// A signed number of eight bytes.
    SFixed64, i64, Wire::Fixed64, json::integer, |reader| i64::from_le_bytes(reader.fixed64()?)
);
number!(
    /// An unsigned number of four bytes, such as flags.
    Fixed32, u32, Wire::Fixed32, json::integer, |reader| u32::from_le_bytes(reader.fixed32()?)
);
number!(
    /// A floating point number.
    Double, f64, Wire::Fixed64, json::float, |reader| f64::from_le_bytes(reader.fixed64()?)
);
number!(
    /// An unsigned variable-length number of 64 bits.
    UInt64, u64, Wire::Varint, json::integer, |reader| reader.varint()?
);
number!(
    /// A signed variable-length number of 64 bits.
    Int64, i64, Wire::Varint, json::integer, |reader| reader.varint()?.cast_signed()
);
number!(
    /// An unsigned variable-length number of 32 bits; protobuf cuts longer ones.
    UInt32, u32, Wire::Varint, json::integer, |reader| low32(reader.varint()?)
);
number!(
    /// A signed variable-length number of 32 bits, such as an enum; protobuf cuts longer ones.
    Int32, i32, Wire::Varint, json::integer, |reader| low32(reader.varint()?).cast_signed()
);
number!(
    /// A signed variable-length number of 32 bits in zigzag order.
    SInt32, i32, Wire::Varint, json::integer, |reader| zigzag(low32(reader.varint()?))
);

/// The lower half of a number, as protobuf reads 32-bit fields.
fn low32(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn zigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// A field that knows whether it was sent.
pub struct Maybe<K>(PhantomData<K>);

impl<K: Kind<Slot: Default>> Kind for Maybe<K> {
    type Slot = Option<K::Slot>;

    fn wire(slot: &mut Self::Slot, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        K::wire(slot.get_or_insert_default(), at, reader, meter)
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut Self::Slot, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        K::json(slot.get_or_insert_default(), value, meter)
    }
}

/// A message inside another; when it is sent in pieces, they are merged.
pub struct Sub<M>(PhantomData<M>);

impl<M: Message> Kind for Sub<M> {
    type Slot = M;

    const ELEMENT_BYTES: usize = M::COST_BYTES;

    fn wire(slot: &mut M, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        at.want(Wire::Bytes)?;
        wire::merge(slot, reader.bytes()?, meter)
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut M, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        json::merge(slot, value, meter)
    }
}

/// A list of texts or messages.
pub struct Many<K>(PhantomData<K>);

impl<K: Kind<Slot: Default>> Kind for Many<K> {
    type Slot = Vec<K::Slot>;

    fn wire(slot: &mut Self::Slot, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        meter.charge(K::ELEMENT_BYTES)?;
        let mut element = K::Slot::default();
        K::wire(&mut element, at, reader, meter)?;
        slot.push(element);
        Ok(())
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut Self::Slot, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        json::list::<K, D>(slot, value, meter)
    }
}

/// A list of numbers, which may be packed behind one key.
pub struct Packed<N>(PhantomData<N>);

impl<N: Number> Kind for Packed<N> {
    type Slot = Vec<N::Slot>;

    fn wire(slot: &mut Self::Slot, at: At, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<(), Malformed> {
        if at.wire == N::WIRE {
            meter.charge(size_of::<N::Slot>())?;
            slot.push(N::one(reader)?);
            return Ok(());
        }
        at.want(Wire::Bytes)?;
        let mut packed = Reader::new(reader.bytes()?);
        while !packed.is_empty() {
            meter.charge(size_of::<N::Slot>())?;
            slot.push(N::one(&mut packed)?);
        }
        Ok(())
    }

    fn json<'de, D: Deserializer<'de>>(slot: &mut Self::Slot, value: D, meter: &mut Meter<'_>) -> Result<(), D::Error> {
        json::list::<N, D>(slot, value, meter)
    }
}
