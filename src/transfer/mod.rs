//! `karat import` and `karat export`: OTLP in files, one export request in JSON a line, as the OpenTelemetry Collector's file exporter
//! writes them.

mod export;
mod import;
mod known;
mod otlp;

pub use export::{ExportArgs, run as export};
pub use import::{ImportArgs, run as import};
