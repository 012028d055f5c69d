//! The demo is the product on sample data: what was planted is found, and nothing else.

use crate::server::karat;

/// Runs `karat demo --exit` and returns its summary.
fn demo(seed: u64, bad_day: &str) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let output = karat()
        .args([
            "demo",
            "--exit",
            "--seed",
            &seed.to_string(),
            "--bad-day",
            bad_day,
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
        ])
        .arg("--data")
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn check(seed: u64, bad_day: &str, n_alerts: u64) {
    let summary = demo(seed, bad_day);
    assert!(summary["n_spans"].as_u64().unwrap() > 20_000, "{summary}");
    assert!(summary["n_scores"].as_u64().unwrap() > 1_000, "{summary}");
    assert_eq!(summary["n_alerts"], n_alerts, "seed {seed}, {bad_day}: {summary}");
    // The monitor that pages is the one of what was planted, and it says what most likely changed.
    for alert in summary["alerts"].as_array().unwrap() {
        assert_eq!(alert[0], summary["planted"]["symptom"], "{summary}");
        assert!(alert[2].is_string(), "{summary}");
    }
}

/// The kind and the day are drawn from the seed, so that no single day is what the monitors know.
#[test]
fn a_planted_bad_day_raises_exactly_one_alert() {
    check(25, "random", 1);
}

#[test]
fn four_good_weeks_raise_none() {
    check(24, "none", 0);
}
