//! The HTTP API, one file a subject. Errors are `{"error": {kind, message, hint}}` with the status that says the same.

pub(crate) mod alerts;
pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod schema;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod traces;
