//! What a message is to the two readers: fields with a number, a JSON name and a kind.

use serde::de::MapAccess;

use super::Malformed;
use super::limits::Meter;
use super::wire::{Reader, Wire};

/// A message of OTLP that can be read from protobuf and from JSON.
pub trait Message: Default {
    /// Whether the message can hold others of its own type, so that its depth must be counted.
    const NESTS: bool = false;

    /// Memory that one of these costs until it lies in a table, in bytes.
    const COST_BYTES: usize = size_of::<Self>();

    /// Reads one protobuf field; `false` means that the field is not known and was not read.
    fn wire_field(&mut self, tag: u32, wire: Wire, reader: &mut Reader<'_>, meter: &mut Meter<'_>) -> Result<bool, Malformed>;

    /// Finds the number of the field with this JSON name; 0 means that it is not known.
    fn tag_of(name: &str) -> u32;

    /// Reads the value of one JSON field.
    fn json_field<'de, A: MapAccess<'de>>(&mut self, tag: u32, map: &mut A, meter: &mut Meter<'_>) -> Result<(), A::Error>;
}

/// Declares the fields of a message, as `number "jsonName" field: Kind`; a member of a oneof is `number "jsonName" field = Variant: Kind`.
macro_rules! message {
    ($(#[nests = $nests:literal])? $(#[cost = $cost:expr])? $message:ty { $( $tag:literal $name:literal $field:ident $(= $variant:path)? : $kind:ty, )+ }) => {
        impl $crate::otlp::message::Message for $message {
            $( const NESTS: bool = $nests; )?
            $( const COST_BYTES: usize = $cost; )?

            fn wire_field(
                &mut self,
                tag: u32,
                wire: $crate::otlp::wire::Wire,
                reader: &mut $crate::otlp::wire::Reader<'_>,
                meter: &mut $crate::otlp::limits::Meter<'_>,
            ) -> Result<bool, $crate::otlp::Malformed> {
                match tag {
                    $( $tag => $crate::otlp::message::wire_slot!(self.$field $(, $variant)?; $kind; tag, wire, reader, meter), )+
                    _ => return Ok(false),
                }
                Ok(true)
            }

            fn tag_of(name: &str) -> u32 {
                match name {
                    $( $name => $tag, )+
                    _ => 0,
                }
            }

            fn json_field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                tag: u32,
                map: &mut A,
                meter: &mut $crate::otlp::limits::Meter<'_>,
            ) -> Result<(), A::Error> {
                match tag {
                    $( $tag => $crate::otlp::message::json_slot!(self.$field $(, $variant)?; $kind; map, meter), )+
                    _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                }
                Ok(())
            }
        }
    };
}
pub(super) use message;

macro_rules! wire_slot {
    ($self:ident . $field:ident; $kind:ty; $tag:ident, $wire:ident, $reader:ident, $meter:ident) => {
        <$kind as $crate::otlp::kind::Kind>::wire(&mut $self.$field, $crate::otlp::kind::At { tag: $tag, wire: $wire }, $reader, $meter)?
    };
    ($self:ident . $field:ident, $variant:path; $kind:ty; $tag:ident, $wire:ident, $reader:ident, $meter:ident) => {{
        let mut value = match $self.$field.take() {
            Some($variant(value)) => value,
            _ => Default::default(),
        };
        <$kind as $crate::otlp::kind::Kind>::wire(&mut value, $crate::otlp::kind::At { tag: $tag, wire: $wire }, $reader, $meter)?;
        $self.$field = Some($variant(value));
    }};
}
pub(super) use wire_slot;

macro_rules! json_slot {
    ($self:ident . $field:ident; $kind:ty; $map:ident, $meter:ident) => {
        drop($map.next_value_seed($crate::otlp::json::Fill::<$kind> { slot: &mut $self.$field, meter: $meter })?)
    };
    ($self:ident . $field:ident, $variant:path; $kind:ty; $map:ident, $meter:ident) => {{
        let mut value = Default::default();
        let is_there = $map.next_value_seed($crate::otlp::json::Fill::<$kind> { slot: &mut value, meter: $meter })?;
        if is_there {
            $self.$field = Some($variant(value));
        }
    }};
}
pub(super) use json_slot;
