//! The pages, one file each, and what they share: the frame around them and the page that says what went wrong.

pub(crate) mod deployments;
pub(crate) mod login;
pub(crate) mod monitors;
pub(crate) mod overview;
pub(crate) mod span;
pub(crate) mod sql;
pub(crate) mod trace;
pub(crate) mod traces;
mod traffic;

use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use schema::Tenant;

use crate::app::App;
use crate::error::Error;
use crate::range::{PRESETS, Range};
use crate::url::address;

/// What stands around every page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// Title of the window.
    pub title: String,
    /// The part of the dashboard that is open: `overview`, `traces`, `monitors`, `sql`, or nothing.
    pub part: &'static str,
    /// Where the links at the top lead, so that the range goes along.
    pub overview_href: String,
    /// The same for the trace list.
    pub traces_href: String,
    /// Whose tables are shown, where the server has keys.
    pub tenant: Option<String>,
    /// Whether the visitor may log out.
    pub can_leave: bool,
}

impl Frame {
    /// Frames a page of a visitor.
    pub(crate) fn new(app: &App, tenant: &Tenant, part: &'static str, title: impl Into<String>) -> Self {
        let has_keys = !app.keys.is_open();
        Self { title: title.into(), part, tenant: has_keys.then(|| tenant.as_str().to_owned()), can_leave: has_keys, ..Self::bare() }
    }

    /// Carries the range along to the other pages.
    pub(crate) fn with_range(mut self, range: &Range) -> Self {
        let pairs = range.pairs();
        let pairs = || pairs.iter().map(|(name, value)| (*name, value.as_str()));
        self.overview_href = address("/", pairs());
        self.traces_href = address("/traces", pairs());
        self
    }

    fn bare() -> Self {
        Self { overview_href: "/".to_owned(), traces_href: "/traces".to_owned(), ..Self::default() }
    }
}

/// One link of a row in which one is chosen.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
    /// Whether it is the chosen one.
    pub is_chosen: bool,
}

/// Lists the preset ranges as links of a page that keeps its other parameters.
pub(crate) fn range_choices(range: &Range, link: impl Fn(&str) -> String) -> Vec<Choice> {
    PRESETS.iter().map(|(name, ..)| Choice { href: link(name), label: name, is_chosen: range.preset == Some(name) }).collect()
}

/// Renders a template into an answer.
pub(crate) fn show(template: &impl Template) -> Result<Response, Error> {
    Ok(Html(template.render()?).into_response())
}

/// A page that could not be shown.
pub(crate) struct PageError {
    error: Error,
    wanted: Option<String>,
}

impl PageError {
    /// Keeps which page was wanted, so that a login can lead back to it.
    pub(crate) fn at(error: impl Into<Error>, wanted: &str) -> Self {
        Self { error: error.into(), wanted: Some(wanted.to_owned()) }
    }
}

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self { error: error.into(), wanted: None }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    code: u16,
    message: String,
    hint: &'a str,
}

impl IntoResponse for PageError {
    /// Leads to the login page where that helps, and says what went wrong otherwise.
    fn into_response(self) -> Response {
        if let (Error::Denied(_), Some(wanted)) = (&self.error, &self.wanted) {
            return Redirect::to(&address("/login", [("next", wanted.as_str())])).into_response();
        }
        self.error.note();
        let status = self.error.status();
        let frame = Frame { title: status.canonical_reason().unwrap_or("Error").to_owned(), ..Frame::bare() };
        let page = ErrorPage { frame, code: status.as_u16(), message: self.error.to_string(), hint: self.error.hint() };
        let response = match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered").into_response(),
        };
        self.error.with_headers(response)
    }
}

/// Answers for paths that no route has.
pub(crate) async fn not_found(uri: Uri) -> Response {
    answer(&uri, Error::NotFound { what: "page", id: uri.path().chars().take(200).collect() })
}

/// Answers for methods that a route does not take.
pub(crate) async fn wrong_method(uri: Uri) -> Response {
    answer(&uri, Error::Method)
}

fn answer(uri: &Uri, error: Error) -> Response {
    if uri.path().starts_with("/api/") { error.into_response() } else { PageError::from(error).into_response() }
}
