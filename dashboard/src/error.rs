//! What can go wrong in a request, and what the answer says about it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schema::Denied;
use serde::Serialize;
use store::ErrorKind;

/// A request that gets no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request says something that cannot be done.
    #[error("{message}")]
    Input {
        /// What is wrong with it.
        message: String,
        /// What to send instead.
        hint: &'static str,
    },
    /// The request came without a token or login, or with a wrong one.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The `Host` header names a server that this one is not.
    #[error("host {host:?} is not a name of this server")]
    Host {
        /// The header's value.
        host: String,
    },
    /// A page of another site made the browser send the request.
    #[error("origin {origin:?} may not call this server")]
    Origin {
        /// The header's value.
        origin: String,
    },
    /// Nothing is stored under the id, or no route has the path.
    #[error("there is no {what} {id:?}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The body is larger than `body_bytes_max`, or a run than `run_bytes_max`.
    #[error("the body has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The route exists, but not with this method.
    #[error("this path does not take that method")]
    Method,
    /// The query did not end before its deadline.
    #[error("the query did not finish within {timeout_ms} ms")]
    Deadline {
        /// The deadline.
        timeout_ms: u128,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(store::Error),
    /// A template could not be rendered.
    #[error("the page could not be rendered: {0}")]
    Render(#[from] askama::Error),
    /// Rows could not be written in the format that was asked for.
    #[error("the answer could not be written: {0}")]
    Write(String),
}

impl Error {
    /// Returns the word that programs match on.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Denied(_) => "unauthorized",
            Self::Host { .. } | Self::Origin { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::TooLarge { .. } => "too_large",
            Self::Method => "method",
            Self::Deadline { .. } => "deadline",
            Self::Store(error) => match error.kind() {
                ErrorKind::Input => "input",
                ErrorKind::Busy => "busy",
                ErrorKind::Retry => "retry",
                ErrorKind::Bug => "bug",
            },
            Self::Render(_) | Self::Write(_) => "bug",
        }
    }

    /// Returns the HTTP status that says the same.
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            "input" => StatusCode::BAD_REQUEST,
            "unauthorized" => StatusCode::UNAUTHORIZED,
            "forbidden" => StatusCode::FORBIDDEN,
            "not_found" => StatusCode::NOT_FOUND,
            "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            "method" => StatusCode::METHOD_NOT_ALLOWED,
            "deadline" => StatusCode::REQUEST_TIMEOUT,
            "busy" => StatusCode::TOO_MANY_REQUESTS,
            "retry" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns what the person may do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Input { hint, .. } => hint,
            Self::Denied(_) => "use a token of [[keys]] in karat.toml, or log in at /login",
            Self::Host { .. } => "add the name to dashboard.hosts in karat.toml, or use http://localhost",
            Self::Origin { .. } => "add the origin to dashboard.origins in karat.toml, if you trust every page of it",
            Self::NotFound { .. } => "check the id; a span is visible about a second after it was acknowledged",
            Self::TooLarge { .. } => "send less, or raise dashboard.body_bytes_max (for runs, dashboard.run_bytes_max) in karat.toml",
            Self::Method => "see /api/v1/openapi.json for the methods of each path",
            Self::Deadline { .. } => "narrow the time range, or ask for a longer timeout_ms",
            Self::Store(error) => match error.kind() {
                ErrorKind::Input => "see /api/v1/schema for tables, views and columns; queries are read only",
                ErrorKind::Busy | ErrorKind::Retry => "try again in a second",
                ErrorKind::Bug => "this is a fault of karat; its log says more",
            },
            Self::Render(_) | Self::Write(_) => "this is a fault of karat; its log says more",
        }
    }

    /// Notes a fault of ours in the log, without anything that came from a trace or a query.
    pub(crate) fn note(&self) {
        if self.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(kind = self.kind(), error = %self, "request failed");
        }
    }

    /// Adds the headers that go with the status.
    pub(crate) fn with_headers(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"karat\""));
        }
        if matches!(self.kind(), "busy" | "retry") {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    kind: &'a str,
    message: String,
    hint: &'a str,
}

impl IntoResponse for Error {
    /// Answers as the API does: `{"error": {kind, message, hint}}`.
    fn into_response(self) -> Response {
        self.note();
        let body = Body { error: Problem { kind: self.kind(), message: self.to_string(), hint: self.hint() } };
        self.with_headers((self.status(), Json(body)).into_response())
    }
}
