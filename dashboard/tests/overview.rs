//! The overview: alerts on top, figures, charts, and where they come from.

use schema::{AlertTransition, Micros, MonitorState, Tenant};

use crate::harness::{Dashboard, all_between, cut};
use crate::support::{NOW, sample};

#[tokio::test]
async fn it_shows_what_happened() {
    let dashboard = Dashboard::open().await;
    let sample = sample::traffic(NOW, 7, 60, 11);
    sample.append(&dashboard.store, &Tenant::default(), NOW).await;
    let page = dashboard.page("/?range=7d").await;

    let example = all_between(&page, "title=\"Example trace ", "\"")[0];
    let alert = cut(&page, "<article class=\"alert firing\">", "</article>");
    insta::assert_snapshot!("open_alert", alert.replace(example, "TRACE").replace(&example[..8], "TRACE"));
    for title in ["Traces", "Latency p50 / p95", "Error rate", "Cost", "Tokens", "Quality"] {
        assert!(page.contains(&format!("<figcaption><span>{title}</span>")), "{title}");
    }
    assert!(page.contains("class=\"shade\""), "the window of the alert is shaded");
    let marks = all_between(&page, "<line class=\"mark\"", "</line>");
    assert!(marks.len() >= 6 && marks.iter().all(|mark| mark.contains(" in ")), "what was deployed is marked on each chart: {marks:?}");
    assert!(page.matches("<title>").count() > 6 * 20, "hover titles");
    assert_eq!(all_between(&page, "<th scope=\"row\"><a href=\"/traces?range=7d&#38;service=", "\"").len(), 3);
    assert_eq!(all_between(&page, "<th scope=\"row\"><a href=\"/traces?range=7d&#38;model=", "\"").len(), 4);

    let n_scored = sample.scores.iter().filter(|score| score.evaluator == "answered" && score.target_time.0 >= NOW.0 - 7 * 86_400_000_000).count();
    let n_calls = sample.spans.iter().filter(|span| span.is_llm_call && span.operation.as_deref() == Some("chat")).count();
    let count = |n: usize| if n > 999 { format!("{},{:03}", n / 1000, n % 1000) } else { n.to_string() };
    let coverages = all_between(&page, "<span class=\"coverage\">", "<");
    assert!(
        coverages.contains(&format!("scored {} of {}", count(n_scored), count(n_calls)).as_str()),
        "answered: {n_scored} of {n_calls}, {coverages:?}"
    );
}

#[tokio::test]
async fn an_alert_is_open_until_it_is_resolved() {
    let dashboard = Dashboard::open().await;
    let transition = |id: &str, state: &str, ago_s: i64| AlertTransition {
        id: id.to_owned(),
        time: Micros(NOW.0 - ago_s * 1_000_000),
        date: NOW.day(),
        monitor: format!("monitor-{id}"),
        kind: "quality".to_owned(),
        state: state.to_owned(),
        severity: "page".to_owned(),
        summary: "it fell".to_owned(),
        ..AlertTransition::default()
    };
    dashboard
        .append(&[
            transition("a", "firing", 300),
            transition("b", "firing", 400),
            transition("b", "resolved", 100),
            transition("c", "firing", 500),
            transition("c", "acknowledged", 200),
        ])
        .await;
    let alerts = dashboard.get("/api/v1/alerts").await.json();
    let open: Vec<(&str, &str)> =
        alerts["alerts"].as_array().unwrap().iter().map(|alert| (alert["id"].as_str().unwrap(), alert["state"].as_str().unwrap())).collect();
    assert_eq!(open, [("a", "firing"), ("c", "acknowledged")]);
    let page = dashboard.page("/").await;
    assert!(page.contains("monitor-a") && page.contains("monitor-c") && !page.contains("monitor-b"));
}

#[tokio::test]
async fn without_alerts_it_says_how_the_monitors_stand() {
    let dashboard = Dashboard::open().await;
    assert!(dashboard.page("/").await.contains("No monitor has looked yet"));
    let state = |monitor: &str, state: &str, ago_s: i64| MonitorState {
        time: Micros(NOW.0 - ago_s * 1_000_000),
        date: NOW.day(),
        monitor: monitor.to_owned(),
        state: state.to_owned(),
        ..MonitorState::default()
    };
    dashboard.append(&[state("a", "WARN", 900), state("a", "OK", 180), state("b", "NO_DATA", 180)]).await;
    let page = dashboard.page("/").await;
    assert!(page.contains("No open alerts") && page.contains("last look 3 min ago"), "{page}");
    assert_eq!(all_between(&page, "<span class=\"standing", "</span>"), [" t-mute\">1 NO_DATA", " t-good\">1 OK"]);
}
