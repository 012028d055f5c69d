//! Every page in headless Chromium, over a server that took its spans through its own OTLP port.

use std::path::Path;
use std::process::Command;

use crate::server::{Server, service};

/// No console error, no request off loopback, no accessibility finding, no injected script ran; a trace of 10,000 spans opens and scrolls.
///
/// How fast is not asked here: the first paint is measured in `benches/`, over a release build.
#[test]
fn every_page_works_in_a_browser() {
    let Some(said) = service("browser.sh", &["start"]) else { return };
    let variables = said.split_whitespace().filter_map(|pair| pair.split_once('='));
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), None);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/dashboard.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(format!("http://{}", server.http))
        .args(["--otlp", &format!("http://{}", server.otlp_http), "--paint-ms", "2000000000"])
        .envs(variables)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], true, "{said}");
    server.stop();
}
