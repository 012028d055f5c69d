//! What a user may set about the dashboard and the HTTP API.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of the dashboard and the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DashboardConfig {
    /// Host names, besides the loopback ones, under which browsers may reach this server. A name that is not listed is refused,
    /// so that a hostile web site cannot point its own name at this machine (DNS rebinding). No port. Default: none.
    pub hosts: Vec<String>,
    /// Origins, besides the server's own, whose pages may call the API, such as `https://grafana.example.com`. Default: none.
    pub origins: Vec<String>,
    /// Whether the login cookie is sent over TLS only; set it where a proxy in front speaks HTTPS. Default: false.
    pub cookie_secure: bool,
    /// Browsers that may be logged in at once; one more logs out the one that expires first. Default: 1,000.
    pub logins_max: usize,
    /// How long a login lasts, in hours; longer is handier, shorter is safer on shared machines. Default: 12.
    pub login_hours: u32,
    /// Range that a page shows before one is picked: `1h`, `6h`, `24h`, `7d` or `28d`; a long one costs a longer scan. Default: `24h`.
    pub range: String,
    /// Deadline of one query behind a page, in milliseconds; longer lets wide ranges finish, shorter frees the server. Default: 30,000.
    pub page_timeout_ms: u64,
    /// Spans of one trace that the trace page loads; more costs memory of server and browser. Default: 50,000.
    pub trace_spans_max: usize,
    /// Bytes of one text (a message, an attribute) that a page shows; the API gives the whole. Default: 65,536.
    pub text_bytes_max: usize,
    /// Rows that one API query may return; more costs memory. A request may ask for fewer. Default: 100,000.
    pub sql_rows_max: usize,
    /// Rows that an API query returns where the request does not say. Default: 10,000.
    pub sql_rows: usize,
    /// Longest deadline that an API query may ask for, in milliseconds. Default: 60,000.
    pub sql_timeout_ms_max: u64,
    /// Deadline of an API query where the request does not say, in milliseconds. Default: 30,000.
    pub sql_timeout_ms: u64,
    /// Bytes of an API request's body. Default: 1,048,576.
    pub body_bytes_max: usize,
    /// Bytes of a run that `karat eval --push` sends; it is held in memory while it is written. Default: 67,108,864.
    pub run_bytes_max: usize,
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            origins: Vec::new(),
            cookie_secure: false,
            logins_max: 1_000,
            login_hours: 12,
            range: "24h".to_owned(),
            page_timeout_ms: 30_000,
            trace_spans_max: 50_000,
            text_bytes_max: 65_536,
            sql_rows_max: 100_000,
            sql_rows: 10_000,
            sql_timeout_ms_max: 60_000,
            sql_timeout_ms: 30_000,
            body_bytes_max: 1_048_576,
            run_bytes_max: 64 * 1_048_576,
        }
    }
}

impl DashboardConfig {
    /// Returns the deadline of a query behind a page.
    pub(crate) fn page_timeout(&self) -> Duration {
        Duration::from_millis(self.page_timeout_ms)
    }

    /// Returns how long a login lasts, in microseconds.
    pub(crate) fn login_us(&self) -> i64 {
        i64::from(self.login_hours) * 3_600_000_000
    }
}
