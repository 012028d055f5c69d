//! What nodes show each other: a task is a plan, and who may send one may read every tenant's rows.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq as _;

use crate::error::Error;

/// A secret that all nodes of a cluster share.
#[derive(Clone)]
pub struct Secret(HeaderValue);

impl Secret {
    /// Takes the text that every node was given.
    ///
    /// # Errors
    ///
    /// Refuses an empty one, and characters that cannot stand in a header.
    pub fn new(text: &str) -> Result<Secret, Error> {
        let refused =
            |reason: &str| Error::Cluster { reason: format!("the secret {reason}; give every node the same long random text of letters and digits") };
        if text.is_empty() {
            return Err(refused("is empty"));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| refused("has characters that no header can have"))?;
        value.set_sensitive(true);
        Ok(Secret(value))
    }

    /// Returns the headers that show it.
    pub(crate) fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, self.0.clone())])
    }

    /// Tells whether `headers` show it, in a time that does not depend on where they differ.
    pub(crate) fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        shown.ct_eq(self.0.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
