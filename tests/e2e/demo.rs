//! The demo is the product on sample data: what was planted is found, and nothing else.

use serde_json::Value;

use crate::server::{karat, sql_at_rest};

/// A summary of `karat demo --exit`, and the data that it left.
struct Demo {
    summary: Value,
    dir: tempfile::TempDir,
}

impl Demo {
    fn run(seed: u64, bad_day: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("karat.toml");
        // How long a query takes beside other tests says nothing of what it finds.
        std::fs::write(&file, "[store.query]\ndeadline_ms = 300_000\n").unwrap();
        let mut command = karat();
        command.arg("--config").arg(&file).args(["demo", "--exit", "--seed", &seed.to_string(), "--bad-day", bad_day]);
        for flag in ["--otlp-grpc", "--otlp-http", "--http"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        let output = command.arg("--data").arg(dir.path().join("data")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { summary: serde_json::from_slice(&output.stdout).unwrap(), dir }
    }

    fn sql(&self, sql: &str) -> Vec<Value> {
        sql_at_rest(&self.dir.path().join("data"), "default", sql)
    }

    /// The one alert is of what was planted, on its day, two evaluations after it was seen first, and says what changed.
    #[track_caller]
    fn check_alert(&self) {
        let summary = &self.summary;
        let (planted, alert) = (&summary["planted"], &summary["alerts"][0]);
        let symptom = planted["symptom"].as_str().unwrap();
        assert_eq!(alert[0], symptom, "{summary}");
        // A router that prefers larger models is the model; of the other bad days no version, mix or model is to blame.
        assert_eq!(alert[2], if symptom == "cost" { "model" } else { "unknown" }, "{summary}");
        let rows = self.sql(&format!("select state, cast(time as bigint) as time_us from alerts where monitor = '{symptom}' order by time"));
        let of = |state: &str| rows.iter().find(|row| row["state"] == state).and_then(|row| row["time_us"].as_i64()).unwrap();
        let (from, to) = (planted["from"].as_i64().unwrap(), planted["to"].as_i64().unwrap());
        assert!((from..=to).contains(&of("firing")), "{rows:?}, planted {planted}");
        assert!(of("firing") - of("pending") <= 2 * HOUR, "{rows:?}");
    }
}

const HOUR: i64 = 3_600_000_000;

#[track_caller]
fn check(seed: u64, bad_day: &str, n_alerts: u64) -> Demo {
    let demo = Demo::run(seed, bad_day);
    let summary = &demo.summary;
    assert!(summary["n_spans"].as_u64().unwrap() > 20_000, "{summary}");
    assert!(summary["n_scores"].as_u64().unwrap() > 1_000, "{summary}");
    assert_eq!(summary["n_alerts"], n_alerts, "seed {seed}, {bad_day}: {summary}");
    demo
}

/// The kind and the day are drawn from the seed, so that no single day is what the monitors know.
#[test]
fn a_planted_bad_day_raises_exactly_one_alert() {
    check(25, "random", 1).check_alert();
}

#[test]
fn four_good_weeks_raise_none() {
    check(24, "none", 0);
}
