//! Takes OTLP in: over gRPC and HTTP, checks it, hands the bytes to the store, and turns them into rows.

pub mod decode;
pub mod otlp;
pub mod price;

pub use decode::{DecodeConfig, Decoder};
