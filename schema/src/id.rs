//! Identifiers: of traces, of spans, and of the tenants that own them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An id that cannot be used, with what is wrong about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id has the wrong number of bytes or hex digits.
    #[error("{kind} has {found} bytes; OTLP wants {wanted}")]
    Length {
        /// What was parsed: `trace id` or `span id`.
        kind: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// Every byte is zero, which OTLP calls invalid.
    #[error("{kind} is all zero, which OTLP calls invalid")]
    Zero {
        /// What was parsed.
        kind: &'static str,
    },
    /// A character is not a hex digit.
    #[error("{kind} holds a character that is not a hex digit")]
    NotHex {
        /// What was parsed.
        kind: &'static str,
    },
    /// The tenant's name could not be a directory of its own.
    #[error("tenant {name:?} must be 1 to 64 of a-z, 0-9, '-' and '_', and begin with a letter or a digit")]
    Tenant {
        /// The name as given.
        name: String,
    },
}

/// What each character is worth as a hex digit; 255 where it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut digit: u8 = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digits[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

macro_rules! binary_id {
    ($(#[doc = $doc:literal])+ $name:ident, $len:literal, $kind:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads the id from the bytes of an OTLP message; wrong lengths and all-zero ids are errors.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
                let id: [u8; $len] = bytes.try_into().map_err(|_| IdError::Length { kind: $kind, found: bytes.len(), wanted: $len })?;
                if id == [0; $len] {
                    return Err(IdError::Zero { kind: $kind });
                }
                Ok(Self(id))
            }

            /// Writes the id as lowercase hex into `buffer` and returns it as text.
            pub fn hex(self, buffer: &mut [u8; 2 * $len]) -> &str {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                for (i, byte) in self.0.iter().enumerate() {
                    buffer[2 * i] = DIGITS[usize::from(byte >> 4)];
                    buffer[2 * i + 1] = DIGITS[usize::from(byte & 15)];
                }
                std::str::from_utf8(buffer).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.hex(&mut [0; 2 * $len]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let hex = text.as_bytes();
                if hex.len() != 2 * $len {
                    return Err(IdError::Length { kind: $kind, found: hex.len() / 2, wanted: $len });
                }
                let (mut bytes, mut seen) = ([0; $len], 0);
                for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
                    let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
                    seen |= high | low;
                    *byte = high << 4 | low;
                }
                if seen > 15 {
                    return Err(IdError::NotHex { kind: $kind });
                }
                Self::from_bytes(&bytes)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

binary_id!(
    /// The id of a trace: 16 bytes, not all zero, written as 32 lowercase hex digits.
    TraceId, 16, "trace id"
);
binary_id!(
    /// The id of a span: 8 bytes, not all zero, written as 16 lowercase hex digits.
    SpanId, 8, "span id"
);

/// The owner of a set of tables: a short lowercase name that is also a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Tenant(String);

impl Tenant {
    /// Reads a tenant's name; it must be 1 to 64 of `a-z`, `0-9`, `-`, `_`, and begin with a letter or a digit.
    pub fn new(name: &str) -> Result<Self, IdError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins && name.len() <= 64 && name.chars().all(fits) {
            Ok(Self(name.to_owned()))
        } else {
            Err(IdError::Tenant { name: name.chars().take(80).collect() })
        }
    }

    /// Returns the tenant's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    /// The tenant of a server without keys.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_through_hex() {
        let id: TraceId = "0123456789ABCDEF0123456789abcdef".parse().unwrap();
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
        assert_eq!(TraceId::from_bytes(&id.0), Ok(id));
    }

    #[test]
    fn bad_ids_are_refused() {
        assert!(matches!(SpanId::from_bytes(&[0; 8]), Err(IdError::Zero { .. })));
        assert!(matches!(SpanId::from_bytes(&[1; 7]), Err(IdError::Length { found: 7, wanted: 8, .. })));
        assert!(matches!("zz".repeat(8).parse::<SpanId>(), Err(IdError::NotHex { .. })));
    }

    #[test]
    fn tenants_cannot_leave_their_directory() {
        for name in ["", "..", "a/b", "A", "_x", &"a".repeat(65)] {
            assert!(Tenant::new(name).is_err(), "{name}");
        }
        assert_eq!(Tenant::new("team-7_eu").unwrap().as_str(), "team-7_eu");
    }
}
