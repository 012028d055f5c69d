//! Traces of somebody who wants to run a script: every page and every answer shows the text, none carries it as markup.

use crate::harness::Dashboard;
use crate::support::{NOW, hostile};

/// Tags that this project's templates never write, and the script does.
const MARKUP: &[&str] = &["<script>", "<img src=x", "<svg/onload", "onerror=\"window", "</textarea><", "href=\"javascript:"];

#[tokio::test]
async fn nothing_of_a_trace_becomes_markup() {
    let dashboard = Dashboard::open().await;
    dashboard.append(&hostile::scripted(NOW)).await;
    dashboard.append(&hostile::scripted_scores(NOW)).await;
    dashboard.append(&hostile::scripted_alert(NOW)).await;
    let escaped: String = url::form_urlencoded::byte_serialize(hostile::SCRIPT.as_bytes()).collect();
    let id = hostile::SCRIPTED;
    let mut paths = vec![
        "/".to_owned(),
        "/traces".to_owned(),
        format!("/traces?session={escaped}&service={escaped}&model={escaped}&q={escaped}"),
        format!("/traces?session={escaped}"),
        format!("/traces/{id}"),
        format!("/sql?q={escaped}"),
        format!("/login?next={escaped}"),
    ];
    paths.extend((1..=4).map(|n| format!("/traces/{id}/spans/{}", format!("0{n}").repeat(8))));
    for path in &paths {
        let page = dashboard.get(path).await;
        let text = page.text();
        for markup in MARKUP {
            assert!(!text.contains(markup), "{path} carries {markup}");
        }
        let is_shown = text.contains("window.pwned=1") || page.status.is_redirection();
        assert!(is_shown, "{path} does not show the text");
    }
    // refused, and what is refused is named in the answer
    for path in [format!("/traces?status={escaped}"), format!("/traces?range={escaped}"), format!("/traces/{escaped}"), format!("/{escaped}")] {
        let page = dashboard.get(&path).await;
        assert!(page.status.is_client_error(), "{path}");
        assert!(MARKUP.iter().all(|markup| !page.text().contains(markup)), "{path}");
    }
}

/// An answer of the API is never taken for a page.
#[tokio::test]
async fn the_api_says_what_its_answers_are() {
    let dashboard = Dashboard::open().await;
    dashboard.append(&hostile::scripted(NOW)).await;
    let id = hostile::SCRIPTED;
    for path in [
        format!("/api/v1/traces/{id}"),
        format!("/api/v1/traces/{id}/tree"),
        format!("/api/v1/traces/{id}/spans/0202020202020202"),
        "/api/v1/alerts".to_owned(),
    ] {
        let answer = dashboard.get(&path).await;
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        answer.json();
    }
}
