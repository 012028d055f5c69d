//! Tokens, logins, and whose data is shown.

use axum::http::StatusCode;
use dashboard::DashboardConfig;
use schema::{Keys, Span, SpanId, TraceId};

use crate::harness::Dashboard;
use crate::support::{NOW, tenant};

async fn with_keys() -> Dashboard {
    let keys = Keys::new(vec![("red-token".to_owned(), tenant("red")), ("blue-token".to_owned(), tenant("blue"))]);
    let dashboard = Dashboard::with(DashboardConfig::default(), keys).await;
    for (name, n) in [("red", 1), ("blue", 2)] {
        let span = Span {
            trace_id: TraceId([n; 16]),
            span_id: SpanId([n; 8]),
            start_time: NOW,
            start_unix_nano: NOW.0 * 1_000,
            ingested_at: NOW,
            date: NOW.day(),
            name: format!("span of {name}"),
            kind: "internal".to_owned(),
            status: "unset".to_owned(),
            ..Span::default()
        };
        dashboard.store.append(&tenant(name), &[span], NOW).await.unwrap();
    }
    dashboard
}

async fn log_in(dashboard: &Dashboard, token: &str) -> String {
    let form = format!("token={token}&next=%2Ftraces");
    let answer = dashboard.post("/login", &[("content-type", "application/x-www-form-urlencoded"), ("origin", "http://localhost:4319")], form).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/traces"));
    answer.header("set-cookie").to_owned()
}

#[tokio::test]
async fn pages_lead_to_the_login_and_the_api_refuses() {
    let dashboard = with_keys().await;
    let page = dashboard.get("/traces?q=x").await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/login?next=%2Ftraces%3Fq%3Dx"));
    for path in ["/api/v1/schema", "/api/v1/status", "/api/v1/alerts", "/api/v1/traces/01010101010101010101010101010101"] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.problem(), (401, "unauthorized".to_owned()), "{path}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
    }
    assert_eq!(dashboard.sql(&serde_json::json!({"sql": "select 1"})).await.problem(), (401, "unauthorized".to_owned()));
    let wrong = dashboard.get_with("/api/v1/schema", &[("authorization", "Bearer green-token")]).await;
    assert_eq!(wrong.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(dashboard.get("/login").await.status, StatusCode::OK);
    assert_eq!(dashboard.get("/healthz").await.status, StatusCode::OK);
}

/// How much another tenant has is nobody's business.
#[tokio::test]
async fn the_status_shows_the_tables_of_the_token() {
    let dashboard = with_keys().await;
    let status = dashboard.get_with("/api/v1/status", &[("authorization", "Bearer blue-token")]).await.json();
    let tables = status["store"]["tables"].as_array().unwrap();
    assert_eq!(status["tenant"], "blue");
    assert_eq!(tables.iter().map(|table| table["tenant"].as_str().unwrap()).collect::<Vec<_>>(), ["blue"]);
}

#[tokio::test]
async fn a_login_is_a_random_cookie_and_shows_one_tenant() {
    let dashboard = with_keys().await;
    let set = log_in(&dashboard, "red-token").await;
    assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict") && set.contains("; Path=/") && !set.contains("red-token"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert_eq!(cookie.len(), "karat_login=".len() + 64);
    assert_ne!(cookie, log_in(&dashboard, "red-token").await.split(';').next().unwrap());

    let list = dashboard.get_with("/traces", &[("cookie", cookie)]).await.text();
    assert!(list.contains("span of red") && !list.contains("span of blue"));
    let own = dashboard.get_with("/traces/01010101010101010101010101010101", &[("cookie", cookie)]).await;
    assert!(own.status == StatusCode::OK && own.text().contains("span of red"));
    let other = dashboard.get_with("/traces/02020202020202020202020202020202", &[("cookie", cookie)]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);

    let body = r#"{"sql":"select name from spans"}"#;
    let rows = dashboard.post("/api/v1/sql", &[("content-type", "application/json"), ("cookie", cookie)], body).await.json();
    assert_eq!(rows["rows"], serde_json::json!([["span of red"]]));
    let rows = dashboard.post("/api/v1/sql", &[("content-type", "application/json"), ("authorization", "Bearer blue-token")], body).await.json();
    assert_eq!(rows["rows"], serde_json::json!([["span of blue"]]));
}

#[tokio::test]
async fn logging_out_ends_the_login() {
    let dashboard = with_keys().await;
    let set = log_in(&dashboard, "blue-token").await;
    let cookie = set.split(';').next().unwrap();
    let out = dashboard.post("/logout", &[("cookie", cookie)], "").await;
    assert!(out.status == StatusCode::SEE_OTHER && out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(dashboard.get_with("/traces", &[("cookie", cookie)]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_wrong_token_says_so_and_leads_nowhere_else() {
    let dashboard = with_keys().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = dashboard.post("/login", &form, "token=red-toke&next=%2Ftraces").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    assert!(wrong.text().contains("not one of this server") && !wrong.text().contains("red-toke"));
    for next in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example"] {
        let answer = dashboard.post("/login", &form, format!("token=red-token&next={next}")).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
    let foreign = dashboard.post("/login", &[form[0], ("origin", "http://evil.example")], "token=red-token").await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
}

#[tokio::test]
async fn a_server_without_keys_asks_for_none() {
    let dashboard = Dashboard::open().await;
    let page = dashboard.get("/login?next=%2Fsql").await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/sql"));
}
