//! karat's dashboard and HTTP API: pages that the server renders, and SQL over HTTP.
//!
//! `router` names every route on one screen. A page is one file in `pages/`, which runs `queries/*.sql` and fills a struct
//! that `templates/` render; an API route is one file in `api/`. Whatever a trace says is hostile: askama escapes it, the
//! scripts in `assets/` never make markup of it, and the content policy in `guard` lets nothing inline run.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests have clocks, tasks and environments of their own"))]

mod api;
mod app;
mod assets;
mod caller;
mod chart;
mod config;
mod conversation;
mod error;
mod format;
mod guard;
mod json;
mod logins;
mod pages;
mod range;
mod router;
mod say;
mod span;
mod trace;
mod tree;
mod url;

pub use config::DashboardConfig;
pub use error::Error;
pub use router::router;
