//! Addresses of pages, with their parameters escaped.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use url::form_urlencoded::Serializer;

use crate::error::Error;
use crate::pages::PageError;

/// The parameters of a page's address.
pub(crate) struct Asked<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Error::Input { message: error.body_text(), hint: "give each parameter of the address once" }.into()),
        }
    }
}

/// Writes a path with parameters; those without a value are left out.
pub(crate) fn address<'a>(path: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in pairs {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Writes a name as one piece of a path.
pub(crate) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'~');
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Lets a parameter name only a page of this server: a path that cannot be read as another host.
pub(crate) fn own_path(path: Option<&str>) -> &str {
    let fits = |path: &&str| path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.chars().any(char::is_control);
    path.filter(fits).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(address("/traces", [("q", "a&b=\"<x>\""), ("model", ""), ("s", "ä")]), "/traces?q=a%26b%3D%22%3Cx%3E%22&s=%C3%A4");
        assert_eq!(address("/", []), "/");
    }

    #[test]
    fn a_name_stays_one_piece_of_a_path() {
        assert_eq!(segment("file:a b/../c?ä.yaml"), "file:a%20b%2F..%2Fc%3F%C3%A4.yaml");
    }

    #[test]
    fn only_own_pages_come_after_a_login() {
        assert_eq!(own_path(Some("/traces?q=1")), "/traces?q=1");
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", ""] {
            assert_eq!(own_path(Some(path)), "/", "{path}");
        }
    }
}
