//! Who asks: the tenant of a bearer token or of a browser's login.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use schema::{Denied, Tenant};

use crate::app::App;
use crate::error::Error;
use crate::pages::PageError;

/// Name of the login cookie.
pub(crate) const LOGIN_COOKIE: &str = "karat_login";

/// The caller of an API route; without a token or login the answer is 401.
pub(crate) struct Caller(pub Tenant);

/// The visitor of a page; without a login the answer leads to the login page.
pub(crate) struct Visitor(pub Tenant);

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        Ok(Self(tenant_of(parts, app)?))
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        match tenant_of(parts, app) {
            Ok(tenant) => Ok(Self(tenant)),
            Err(error) => Err(PageError::at(error, wanted)),
        }
    }
}

fn tenant_of(parts: &Parts, app: &App) -> Result<Tenant, Denied> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if header.is_none() && !app.keys.is_open() {
        let login = login_id(parts).and_then(|id| app.logins.tenant_of(id, app.now()));
        return login.ok_or(Denied::Missing);
    }
    app.keys.tenant_of(header)
}

/// Finds the login's id among the cookies.
pub(crate) fn login_id(parts: &Parts) -> Option<&str> {
    let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == LOGIN_COOKIE).map(|(_, id)| id).next()
}
