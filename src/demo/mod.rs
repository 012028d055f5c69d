//! Sample traffic: four weeks of an invented company's three GenAI apps, sent through karat's own OTLP port by the OpenTelemetry SDK.
//!
//! [`Plan`] decides everything from a seed and is pure; `render` writes its spans in the conventions that the apps speak (OpenInference
//! for one, OpenTelemetry's GenAI conventions for two); [`send`] exports them. One day may be bad, and the plan says which and how.

mod agent;
mod command;
pub mod content;
mod dice;
mod digest;
mod figures;
mod models;
mod plan;
mod queries;
mod render;
mod scene;
mod season;
mod send;
mod support;
mod trace;

pub use command::{DemoArgs, run};
pub use figures::Figures;
pub use plan::{BadDay, Plan, Planted, Symptom};
pub use queries::QUERIES;
pub use send::{Sent, send};
