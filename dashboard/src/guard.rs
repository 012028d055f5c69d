//! What stands before every handler: the checks of `Host` and `Origin`, and the headers that bind the browser.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::config::DashboardConfig;
use crate::error::Error;

/// Only what this server sends runs, loads, or is posted to; nothing inline, no frame around it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // not `no-referrer`: under that, browsers send `origin: null` with the forms of our own pages
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Refuses requests under a foreign name or from a foreign page, and adds the headers to every answer.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match check(&app.config, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if is_api {
        response = in_json(response, app.config.body_bytes_max);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Says in the API's words what axum itself refuses: a body that is too large, an address that cannot be read.
fn in_json(response: Response, body_bytes_max: usize) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !response.status().is_client_error() || kind.is_some_and(|kind| kind == "application/json") {
        return response;
    }
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { limit: body_bytes_max }.into_response(),
        _ => Error::Input { message: "the address or the body cannot be read".to_owned(), hint: "see /api/v1/openapi.json" }.into_response(),
    }
}

fn check(config: &DashboardConfig, request: &Request) -> Result<(), Error> {
    // a load balancer asks for the health under whatever name it likes; the answer tells nothing
    if request.uri().path() == "/healthz" {
        return Ok(());
    }
    let host = host_of(request);
    if !host.as_ref().is_some_and(|host| is_ours(config, host)) {
        return Err(Error::Host { host: shown(host.as_ref().map_or("", Authority::as_str)) });
    }
    check_origin(config, request.headers(), host.as_ref())
}

/// Reads the name under which the server was asked: the `Host` header, or `:authority` in HTTP/2. Two names are none.
fn host_of(request: &Request) -> Option<Authority> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let header = headers.next();
    match (header, headers.next(), request.uri().authority()) {
        (_, Some(_), _) => None,
        (Some(header), None, authority) => {
            let host: Authority = header.to_str().ok()?.parse().ok()?;
            let agrees = authority.is_none_or(|authority| authority == &host);
            (agrees && !host.as_str().contains('@')).then_some(host)
        }
        (None, None, authority) => authority.cloned(),
    }
}

fn is_ours(config: &DashboardConfig, host: &Authority) -> bool {
    let name = host.host().trim_end_matches('.');
    is_loopback(name) || config.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A browser names the page that sends a request in `Origin`, or at least says in `Sec-Fetch-Site` that it is another site's.
fn check_origin(config: &DashboardConfig, headers: &HeaderMap, host: Option<&Authority>) -> Result<(), Error> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    if let Some(origin) = text("origin") {
        let own = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
        let is_own = own.is_some_and(|(_, name)| host.is_some_and(|host| host.as_str().eq_ignore_ascii_case(name)));
        let is_allowed = is_own || config.origins.iter().any(|allowed| allowed == origin);
        return if is_allowed { Ok(()) } else { Err(Error::Origin { origin: shown(origin) }) };
    }
    // without an origin only a link that a person followed may come from elsewhere
    let is_foreign = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_link = text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
    if is_foreign && !is_link { Err(Error::Origin { origin: "another site".to_owned() }) } else { Ok(()) }
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn check_headers(pairs: &[(&str, &str)]) -> Result<(), Error> {
        let config = DashboardConfig {
            hosts: vec!["karat.example.com".to_owned()],
            origins: vec!["https://grafana.example.com".to_owned()],
            ..Default::default()
        };
        let mut request = Request::builder().uri("/traces");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        check(&config, &request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_known_names_are_served() {
        for host in [
            "localhost",
            "localhost:4319",
            "LOCALHOST:1",
            "127.0.0.1:4319",
            "127.8.8.8",
            "[::1]:4319",
            "karat.example.com",
            "Karat.Example.com:443",
            "localhost.",
        ] {
            assert!(check_headers(&[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil.localhost.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "evil.example@localhost",
            "",
            "127.0.0.1:80:80",
        ] {
            assert!(matches!(check_headers(&[("host", host)]), Err(Error::Host { .. })), "{host}");
        }
        assert!(check_headers(&[]).is_err());
        assert!(check_headers(&[("host", "localhost"), ("host", "evil.example")]).is_err());
    }

    #[test]
    fn only_own_pages_may_call() {
        let from = |origin| check_headers(&[("host", "localhost:4319"), ("origin", origin)]);
        assert!(from("http://localhost:4319").is_ok());
        assert!(from("https://grafana.example.com").is_ok());
        for origin in ["null", "http://localhost:3000", "http://evil.example", "http://localhost:4319.evil.example", "file://localhost:4319", ""] {
            assert!(matches!(from(origin), Err(Error::Origin { .. })), "{origin}");
        }
    }

    /// A link in a mail opens a page; an image or script tag of another site gets nothing.
    #[test]
    fn other_sites_may_link_but_not_load() {
        let with = |mode, dest| {
            check_headers(&[("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)])
        };
        assert!(with("navigate", "document").is_ok());
        assert!(with("no-cors", "image").is_err());
        assert!(with("no-cors", "script").is_err());
        assert!(with("navigate", "iframe").is_err());
        assert!(
            check_headers(&[("host", "localhost"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")])
                .is_ok()
        );
    }
}
