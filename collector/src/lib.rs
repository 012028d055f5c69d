//! Takes OTLP in: over gRPC and HTTP, checks it, hands the bytes to the store, and turns them into rows.
//!
//! A request comes by `grpc` or `http` through the `door` into the `intake`, which reads it with [`otlp`], has the store make its
//! bytes durable, and answers. [`decode`] turns the same request into rows afterwards; after a crash it does so from the bytes.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

mod answer;
mod compression;
mod config;
mod connections;
pub mod conventions;
pub mod decode;
mod door;
mod grpc;
mod http;
mod inlet;
mod intake;
pub mod kafka;
pub mod otlp;
pub mod price;
mod refusal;
mod server;
mod sink;

pub use config::CollectorConfig;
pub use decode::{DecodeConfig, Decoder};
pub use server::{Error, refuse_during, serve};
pub use sink::Sink;
