//! Host, Origin, and the headers that bind the browser.

use axum::http::StatusCode;
use dashboard::DashboardConfig;
use schema::Keys;

use crate::harness::Dashboard;

const PATHS: &[&str] =
    &["/", "/traces", "/sql", "/login", "/assets/karat.css", "/api/v1/schema", "/api/v1/status", "/api/v1/openapi.json", "/nothing"];

#[tokio::test]
async fn a_foreign_name_is_refused_everywhere() {
    let dashboard = Dashboard::open().await;
    for path in PATHS {
        let answer = dashboard.get_with(path, &[("host", "evil.example:4319")]).await;
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{path}");
    }
    let health = dashboard.get_with("/healthz", &[("host", "10.1.2.3:4319")]).await;
    assert_eq!((health.status, health.text().as_str()), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn a_configured_name_is_served() {
    let config = DashboardConfig { hosts: vec!["karat.example.com".to_owned()], ..DashboardConfig::default() };
    let dashboard = Dashboard::with(config, Keys::default()).await;
    assert_eq!(dashboard.get_with("/sql", &[("host", "karat.example.com")]).await.status, StatusCode::OK);
    assert_eq!(dashboard.get_with("/sql", &[("host", "example.com")]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_query() {
    let dashboard = Dashboard::open().await;
    let body = r#"{"sql":"select 1"}"#;
    let send = async |origin: &str| dashboard.post("/api/v1/sql", &[("content-type", "application/json"), ("origin", origin)], body).await;
    assert_eq!(send("http://localhost:4319").await.status, StatusCode::OK);
    assert_eq!(send("http://localhost:3000").await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(send("null").await.problem(), (403, "forbidden".to_owned()));
    let loaded =
        dashboard.get_with("/api/v1/schema", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")]).await;
    assert_eq!(loaded.problem(), (403, "forbidden".to_owned()));
}

/// What a form of another site can send without a preflight must not be a query.
#[tokio::test]
async fn a_query_must_be_json() {
    let dashboard = Dashboard::open().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        assert_eq!(
            dashboard.post("/api/v1/sql", &[("content-type", kind)], r#"{"sql":"select 1"}"#).await.problem(),
            (400, "input".to_owned()),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn every_answer_binds_the_browser() {
    let dashboard = Dashboard::open().await;
    for path in PATHS {
        let answer = dashboard.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self';", "style-src 'self';", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    assert_eq!(dashboard.get("/").await.header("cache-control"), "no-store");
}

/// The policy forbids what is inline, so a page that had some would be broken; and nothing may switch escaping off.
#[test]
fn no_template_has_anything_inline() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for banned in ["style=", "<style", "onclick", "onload", "javascript:", "|safe", "| safe", "{% autoescape", "http-equiv"] {
            assert!(!text.contains(banned), "{} has {banned}", path.display());
        }
        assert!(text.matches("<script").count() == text.matches("<script src=\"/assets/").count(), "{} has an inline script", path.display());
    }
}

/// Scripts make no markup out of data.
#[test]
fn no_script_writes_markup() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for banned in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setTimeout(\"", "//cdn", "https://"]
        {
            assert!(!text.contains(banned), "{} has {banned}", path.display());
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let dashboard = Dashboard::open().await;
    assert_eq!(dashboard.get("/api/v1/nothing").await.problem(), (404, "not_found".to_owned()));
    assert_eq!(dashboard.get("/api/v1/sql").await.problem(), (405, "method".to_owned()));
    assert_eq!(dashboard.get("/api/v1/traces/%ff").await.problem(), (400, "input".to_owned()));
    let twice = dashboard.post("/api/v1/sql?format=csv&format=json", &[("content-type", "application/json")], r#"{"sql":"select 1"}"#).await;
    assert_eq!(twice.problem(), (400, "input".to_owned()));
    let page = dashboard.get("/nothing/%3Cscript%3E").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text().contains("there is no page") && !page.text().contains("<script>"));
    assert_eq!(dashboard.get("/assets/..%2fkarat.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn assets_are_asked_for_again_but_not_sent_again() {
    let dashboard = Dashboard::open().await;
    let first = dashboard.get("/assets/karat.css").await;
    assert_eq!((first.status, first.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
    let again = dashboard.get_with("/assets/karat.css", &[("if-none-match", first.header("etag"))]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
}
