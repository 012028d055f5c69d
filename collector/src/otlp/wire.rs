//! The protobuf wire format: keys, varints, fixed numbers, and lengths with bytes behind them.

use super::Malformed;
use super::limits::{DEPTH_MAX, Meter};
use super::message::Message;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A variable-length integer.
    Varint,
    /// Eight bytes, little endian.
    Fixed64,
    /// A length, and that many bytes.
    Bytes,
    /// The begin of a group, which no OTLP message has.
    GroupStart,
    /// The end of a group.
    GroupEnd,
    /// Four bytes, little endian.
    Fixed32,
}

/// Reads one message's bytes from front to back.
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// Reads all fields of `bytes` into `message`.
pub fn merge<M: Message>(message: &mut M, bytes: &[u8], meter: &mut Meter<'_>) -> Result<(), Malformed> {
    let mut reader = Reader { rest: bytes };
    if M::NESTS {
        meter.enter()?;
    }
    while !reader.rest.is_empty() {
        let (tag, wire) = reader.key()?;
        if !message.wire_field(tag, wire, &mut reader, meter)? {
            reader.skip(tag, wire)?;
        }
    }
    if M::NESTS {
        meter.leave();
    }
    Ok(())
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns whether every byte is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads a field's number and how it is written.
    fn key(&mut self) -> Result<(u32, Wire), Malformed> {
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed::FieldNumber)?;
        let wire = match key & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::GroupStart,
            4 => Wire::GroupEnd,
            5 => Wire::Fixed32,
            _ => return Err(Malformed::WireType { tag: key >> 3 }),
        };
        match key >> 3 {
            0 => Err(Malformed::FieldNumber),
            tag => Ok((tag, wire)),
        }
    }

    /// Reads a variable-length integer.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            if index == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { Malformed::Truncated } else { Malformed::Varint })
    }

    /// Reads eight bytes.
    pub fn fixed64(&mut self) -> Result<[u8; 8], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Reads four bytes.
    pub fn fixed32(&mut self) -> Result<[u8; 4], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Reads a length and the bytes behind it.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Passes over a field that this version of OTLP does not know.
    fn skip(&mut self, tag: u32, wire: Wire) -> Result<(), Malformed> {
        let mut open = Vec::new();
        let (mut tag, mut wire) = (tag, wire);
        loop {
            match wire {
                Wire::Varint => drop(self.varint()?),
                Wire::Fixed64 => drop(self.fixed64()?),
                Wire::Fixed32 => drop(self.fixed32()?),
                Wire::Bytes => drop(self.bytes()?),
                Wire::GroupStart if open.len() >= DEPTH_MAX as usize => return Err(Malformed::TooDeep),
                Wire::GroupStart => open.push(tag),
                Wire::GroupEnd if open.pop() != Some(tag) => return Err(Malformed::WireType { tag }),
                Wire::GroupEnd => {}
            }
            if open.is_empty() {
                return Ok(());
            }
            (tag, wire) = self.key()?;
        }
    }
}
