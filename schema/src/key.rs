//! Bearer tokens, and the tenants that they stand for.

use crate::id::Tenant;

/// The tokens that a server accepts. A server without tokens takes everybody as tenant `default`.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<(String, Tenant)>,
}

/// A request without a token, or with one that nobody was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No `authorization: Bearer ...` header.
    #[error("this server wants a token: send the header `authorization: Bearer <token>`")]
    Missing,
    /// The token is not one of this server's.
    #[error("the token is not one of this server's; see [[keys]] in karat.toml")]
    Wrong,
}

impl Keys {
    /// Makes the set of accepted tokens.
    pub fn new(keys: Vec<(String, Tenant)>) -> Self {
        Self { keys }
    }

    /// Returns whether everybody may come in.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Finds the tenant of an `authorization` header's value.
    pub fn tenant_of(&self, authorization: Option<&str>) -> Result<Tenant, Denied> {
        if self.is_open() {
            return Ok(Tenant::default());
        }
        let token = authorization.and_then(bearer).ok_or(Denied::Missing)?;
        self.tenant_of_token(token)
    }

    /// Finds the tenant of a bare token, in a time that does not tell how much of it was right.
    pub fn tenant_of_token(&self, token: &str) -> Result<Tenant, Denied> {
        if self.is_open() {
            return Ok(Tenant::default());
        }
        let mut found = None;
        for (key, tenant) in &self.keys {
            if same(key.as_bytes(), token.as_bytes()) {
                found = Some(tenant);
            }
        }
        found.cloned().ok_or(Denied::Wrong)
    }
}

/// Tokens never reach a log line.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} tokens)", self.keys.len())
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y));
    std::hint::black_box(differing) == 0 && a.len() == b.len() && !a.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_token_opens() {
        let team = Tenant::new("team").unwrap();
        let keys = Keys::new(vec![("s3cret".to_owned(), team.clone())]);
        assert_eq!(keys.tenant_of(Some("Bearer s3cret")), Ok(team.clone()));
        assert_eq!(keys.tenant_of(Some("bearer s3cret")), Ok(team));
        assert_eq!(keys.tenant_of(Some("Bearer s3cre")), Err(Denied::Wrong));
        assert_eq!(keys.tenant_of(Some("Bearer ")), Err(Denied::Wrong));
        assert_eq!(keys.tenant_of(Some("Basic s3cret")), Err(Denied::Missing));
        assert_eq!(keys.tenant_of(None), Err(Denied::Missing));
        assert_eq!(Keys::default().tenant_of(None), Ok(Tenant::default()));
    }
}
