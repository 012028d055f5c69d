//! What was deployed in a range: new versions of services, and versions of prompts and models that a service had not used before.

use schema::Micros;
use serde::Deserialize;

use crate::app::{Params, Reader};
use crate::error::Error;
use crate::range::Range;

const DEPLOYMENTS: &str = include_str!("../../queries/deployments.sql");
/// How long a version must have been away to count as deployed.
const BEFORE: i64 = 14 * 86_400_000_000;
const DEPLOYMENTS_MAX: usize = 50;

/// One thing that was seen for the first time.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployment {
    /// `version`, `prompt` or `model`.
    pub kind: String,
    /// Service that runs it.
    pub service_name: Option<String>,
    /// The version, prompt or model.
    pub name: Option<String>,
    time_us: i64,
}

impl Deployment {
    /// Returns when it was seen first.
    pub(crate) fn at(&self) -> Micros {
        Micros(self.time_us)
    }

    /// Names it in a few words.
    pub(crate) fn label(&self) -> String {
        let of = self.service_name.as_ref().map(|service| format!(" in {service}")).unwrap_or_default();
        format!("{} {}{of}", self.kind, self.name.as_deref().unwrap_or_default())
    }
}

/// Reads what was deployed in a range, the latest first.
pub(crate) async fn read(reader: &Reader, range: &Range) -> Result<Vec<Deployment>, Error> {
    let params = Params::new().time("since", Micros(range.from.0.saturating_sub(BEFORE))).time("from", range.from).time("to", range.to);
    reader.rows(DEPLOYMENTS, params, DEPLOYMENTS_MAX).await
}
