//! Logging in with a token, once a browser, and out again.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Frame, PageError, show};
use crate::app::App;
use crate::caller::{LOGIN_COOKIE, login_id};
use crate::error::Error;
use crate::url::{Asked, own_path};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    next: &'a str,
    is_wrong: bool,
}

/// Where to go after the login.
#[derive(Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

/// The form's fields.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    token: String,
    next: Option<String>,
}

/// Asks for a token; a server without keys asks for none.
pub(crate) async fn page(State(app): State<App>, Asked(query): Asked<Next>) -> Result<Response, PageError> {
    let next = own_path(query.next.as_deref());
    if app.keys.is_open() {
        return Ok(Redirect::to(next).into_response());
    }
    Ok(show(&LoginPage { frame: frame(), next, is_wrong: false })?)
}

/// Takes the token and remembers the browser by a random id in a cookie.
pub(crate) async fn begin(State(app): State<App>, Form(form): Form<Credentials>) -> Result<Response, PageError> {
    let next = own_path(form.next.as_deref());
    let Ok(tenant) = app.keys.tenant_of_token(form.token.trim()) else {
        let html = LoginPage { frame: frame(), next, is_wrong: true }.render().map_err(Error::Render)?;
        return Ok((StatusCode::UNAUTHORIZED, Html(html)).into_response());
    };
    let Some(id) = app.logins.begin(tenant, app.now()) else {
        return Err(Error::Write("the operating system gives no randomness".to_owned()).into());
    };
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(&app, &id, u64::from(app.config.login_hours) * 3_600)?);
    Ok(response)
}

/// Forgets the browser.
pub(crate) async fn end(State(app): State<App>, parts: Parts) -> Result<Response, PageError> {
    if let Some(id) = login_id(&parts) {
        app.logins.end(id);
    }
    let mut response = Redirect::to("/login").into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(&app, "", 0)?);
    Ok(response)
}

fn frame() -> Frame {
    Frame { title: "Log in".to_owned(), ..Frame::bare() }
}

fn cookie(app: &App, id: &str, seconds: u64) -> Result<HeaderValue, Error> {
    let secure = if app.config.cookie_secure { "; Secure" } else { "" };
    let cookie = format!("{LOGIN_COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).map_err(|error| Error::Write(error.to_string()))
}
