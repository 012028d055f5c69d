//! Decompression that stops at a limit, whatever the compressed bytes promise.

use std::fmt;
use std::io::{self, Read};

use crate::door::Hold;
use crate::otlp::limits::Lender;
use crate::refusal::Refusal;

/// Memory that the shortest body is given.
const BYTES_MIN: usize = 4096;

/// Largest window of a zstd frame, as a power of two: 8 MiB, what RFC 9659 lets a sender use over HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// zlib, RFC 1950, which HTTP calls deflate.
    Deflate,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Zstd => "zstd",
        })
    }
}

impl Coding {
    /// Reads the value of a `content-encoding` or `grpc-encoding` header.
    pub fn parse(header: Option<&[u8]>) -> Result<Self, Refusal> {
        let Some(header) = header else { return Ok(Coding::Identity) };
        match header.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Coding::Identity),
            b"gzip" | b"x-gzip" => Ok(Coding::Gzip),
            b"deflate" => Ok(Coding::Deflate),
            b"zstd" => Ok(Coding::Zstd),
            other => Err(Refusal::Coding(String::from_utf8_lossy(other).chars().take(40).collect())),
        }
    }

    /// Decompresses a body; its memory is asked of `hold` before it is used.
    pub fn decompress(self, body: &[u8], bytes_max: usize, hold: &mut Hold) -> Result<Vec<u8>, Refusal> {
        let fault = |error: io::Error| Refusal::Compression { coding: self, reason: error.to_string() };
        match self {
            Coding::Identity => Ok(body.to_vec()),
            Coding::Gzip => self.read(flate2::bufread::MultiGzDecoder::new(body), body.len(), bytes_max, hold),
            Coding::Deflate => self.read(flate2::bufread::ZlibDecoder::new(body), body.len(), bytes_max, hold),
            Coding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(fault)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(fault)?;
                self.read(decoder, body.len(), bytes_max, hold)
            }
        }
    }

    fn read(self, mut decoder: impl Read, n_compressed: usize, bytes_max: usize, hold: &mut Hold) -> Result<Vec<u8>, Refusal> {
        let (mut out, mut len) = (Vec::new(), 0);
        loop {
            if len == out.len() {
                // One byte over the limit tells a body that is too large from one that just fits.
                let grown = out.len().saturating_mul(2).max(n_compressed.saturating_mul(4)).max(BYTES_MIN).min(bytes_max + 1);
                if !hold.lend(grown - out.len()) {
                    return Err(Refusal::Busy);
                }
                out.resize(grown, 0);
            }
            match decoder.read(&mut out[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Refusal::Compression { coding: self, reason: error.to_string() }),
            }
            if len > bytes_max {
                return Err(Refusal::TooLarge { bytes_max });
            }
        }
        out.truncate(len);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use store::Budget;

    use crate::door::Door;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn packed(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Identity => bytes.to_vec(),
            Coding::Gzip => gzip(bytes),
            Coding::Deflate => zlib(bytes),
            Coding::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }

    fn unpacked(coding: Coding, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Refusal> {
        let door = Door::new(Budget::new(1 << 30));
        coding.decompress(body, bytes_max, &mut door.admit(0).unwrap())
    }

    const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Deflate, Coding::Zstd];

    #[test]
    fn bodies_up_to_the_limit_come_back() {
        for coding in CODINGS {
            for len in [0, 1, 4095, 4096, 4097, 100_000] {
                let bytes: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0] ^ 0x55).collect();
                assert_eq!(unpacked(coding, &packed(coding, &bytes), 100_000).unwrap(), bytes, "{coding} {len}");
            }
            let large = packed(coding, &vec![7; 100_001]);
            assert!(matches!(unpacked(coding, &large, 100_000), Err(Refusal::TooLarge { bytes_max: 100_000 })), "{coding}");
        }
    }

    /// A gigabyte of zeros is a megabyte of gzip and less of zstd; only what the limit allows may ever be allocated.
    #[test]
    fn bombs_take_no_more_memory_than_the_limit() {
        for coding in CODINGS {
            let bomb = packed(coding, &vec![0; 64 << 20]);
            let door = Door::new(Budget::new(1 << 30));
            let mut hold = door.admit(0).unwrap();
            assert!(matches!(coding.decompress(&bomb, 1 << 20, &mut hold), Err(Refusal::TooLarge { .. })), "{coding}");
            assert!(hold.bytes() <= (1 << 20) + 1, "{coding} took {}", hold.bytes());
            let mut hold = Door::new(Budget::new(1 << 19)).admit(0).unwrap();
            assert!(matches!(coding.decompress(&bomb, 1 << 20, &mut hold), Err(Refusal::Busy)), "{coding}");
        }
    }

    #[test]
    fn damaged_bodies_are_refused() {
        for coding in CODINGS {
            let body = packed(coding, &[42; 1000]);
            assert!(matches!(unpacked(coding, &body[..body.len() - 3], 10_000), Err(Refusal::Compression { .. })), "{coding} cut");
            assert!(matches!(unpacked(coding, b"not compressed at all", 10_000), Err(Refusal::Compression { .. })), "{coding} plain");
        }
    }

    /// A zstd frame may ask for a window of gigabytes before it holds a byte.
    #[test]
    fn a_large_zstd_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[1; 100]).unwrap();
        let body = encoder.finish().unwrap();
        assert!(matches!(unpacked(Coding::Zstd, &body, 1 << 20), Err(Refusal::Compression { .. })));
    }

    #[test]
    fn names_of_codings_are_read_in_any_case() {
        assert_eq!(Coding::parse(None).unwrap(), Coding::Identity);
        assert_eq!(Coding::parse(Some(b" GZip ")).unwrap(), Coding::Gzip);
        assert!(matches!(Coding::parse(Some(b"gzip, gzip")), Err(Refusal::Coding(name)) if name == "gzip, gzip"));
        assert!(matches!(Coding::parse(Some(b"br")), Err(Refusal::Coding(_))));
    }
}
