//! The pages of monitors, and what people say to alerts there and over the API.

use schema::{AlertTransition, Micros, MonitorState, Tenant};
use serde_json::json;

use crate::harness::Dashboard;
use crate::support::{NOW, sample};

fn alert(id: &str, state: &str, ago_s: i64) -> AlertTransition {
    AlertTransition {
        id: id.to_owned(),
        time: Micros(NOW.0 - ago_s * 1_000_000),
        date: NOW.day(),
        monitor: "latency".to_owned(),
        kind: "quality".to_owned(),
        state: state.to_owned(),
        severity: "page".to_owned(),
        summary: "calls take <b>longer</b>".to_owned(),
        ..AlertTransition::default()
    }
}

fn look(state: &str, ago_s: i64, evaluated_ago_s: i64) -> MonitorState {
    let time = Micros(NOW.0 - ago_s * 1_000_000);
    MonitorState {
        time,
        date: time.day(),
        monitor: "latency".to_owned(),
        state: state.to_owned(),
        value: Some(2.5),
        baseline: Some(1.25),
        coverage: Some(0.5),
        reason: "real and <large>".to_owned(),
        evaluated_at: Some(Micros(NOW.0 - evaluated_ago_s * 1_000_000)),
        ..MonitorState::default()
    }
}

#[tokio::test]
async fn a_monitor_shows_its_number_its_alerts_and_its_coverage() {
    let dashboard = Dashboard::open().await;
    sample::traffic(NOW, 7, 60, 11).append(&dashboard.store, &Tenant::default(), NOW).await;
    // The last look was made again when data came late; the second word counts.
    dashboard.append(&[look("OK", 7200, 7200), look("OK", 3600, 3600), look("ALERT", 3600, 60)]).await;
    let trace = "ab".repeat(16);
    let details = Some(json!({"trace_ids": [&trace]}).to_string());
    dashboard.append(&[AlertTransition { details, ..alert("a", "firing", 3000) }]).await;
    let silent = MonitorState { slice: "model=gone".to_owned(), coverage: None, n: 0, ..look("NO_DATA", 3600, 60) };
    dashboard.append(&[silent]).await;
    let of = |monitor: &str, look: MonitorState| MonitorState { monitor: monitor.to_owned(), ..look };
    let blind = MonitorState { reason: "the select has not given a row yet".to_owned(), ..look("NO_DATA", 3600, 60) };
    dashboard.append(&[of("cost", MonitorState { value: Some(0.000_42), ..look("OK", 3600, 60) }), of("budget", blind)]).await;
    let list = dashboard.page("/monitors").await;
    assert!(list.contains("<a href=\"/monitors/latency\">latency</a></th><td class=\"t-bad\">ALERT</td>"), "{list}");
    let page = dashboard.page("/monitors/latency?range=7d").await;
    assert!(page.contains("<figcaption><span>Value</span>") && page.contains("<figcaption><span>Coverage</span>"));
    assert!(page.contains("coverage 50") && page.contains("real and &#60;large&#62;"), "{page}");
    assert!(page.contains("<th scope=\"row\">model=gone</th><td class=\"t-mute\""), "a slice that fell silent is shown: {page}");
    assert!(page.contains(&format!("href=\"/traces/{trace}\"")), "the examples of an alert are one click away: {page}");
    // A call costs a fraction of a cent: that must not read as 0.
    assert!(list.contains("<td class=\"num\">0.00042</td>") && list.contains("the select has not given a row yet</td>"), "{list}");
    assert!(!page.contains("<b>longer</b>"));
    assert!(page.contains("<h2>What was deployed</h2>"));
    assert_eq!(dashboard.get("/monitors/nothing").await.status.as_u16(), 404);
}

#[tokio::test]
async fn people_acknowledge_and_mute_alerts() {
    let dashboard = Dashboard::open().await;
    dashboard.append(&[alert("a", "firing", 300), alert("over", "firing", 300), alert("over", "resolved", 100)]).await;
    let say = |id: &'static str, word: &'static str, body: serde_json::Value| {
        let dashboard = &dashboard;
        async move { dashboard.post(&format!("/api/v1/alerts/{id}/{word}"), &[("content-type", "application/json")], body.to_string()).await }
    };
    let said = say("a", "acknowledge", json!({"actor": "ann"})).await.json();
    assert_eq!((&said["state"], &said["actor"]), (&json!("acknowledged"), &json!("ann")));
    assert_eq!(dashboard.get("/api/v1/alerts").await.json()["alerts"][0]["state"], "acknowledged");
    assert_eq!(say("a", "mute", json!({"actor": "ann", "minutes": 60})).await.json()["state"], "muted");
    let sql = json!({"sql": "select details from alerts where state = 'muted'"});
    assert!(dashboard.sql(&sql).await.text().contains(&(NOW.0 + 3_600_000_000).to_string()));

    assert_eq!(say("a", "mute", json!({"actor": "ann"})).await.problem().0, 400);
    assert_eq!(say("a", "mute", json!({"actor": "ann", "minutes": -1})).await.problem().0, 400);
    assert_eq!(say("a", "acknowledge", json!({"actor": "a\nb"})).await.problem().0, 400);
    assert_eq!(say("over", "acknowledge", json!({"actor": "ann"})).await.problem().0, 400);
    assert_eq!(say("none", "acknowledge", json!({"actor": "ann"})).await.problem().0, 404);

    let form = "id=a&actor=bob&word=mute-0";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let told = dashboard.post("/monitors/latency/say", &headers, form).await;
    assert_eq!((told.status.as_u16(), told.header("location")), (303, "/monitors/latency"));
    // Another site's page cannot speak for a person.
    let foreign = dashboard.post("/monitors/latency/say", &[headers[0], ("origin", "https://evil.example")], form).await;
    assert_eq!(foreign.status.as_u16(), 403);
}
