//! A server that reads a large log again is alive, and says that it is not ready yet and how far it is.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::faults::body;
use crate::server::Server;

/// Bodies of half a megabyte each: a debug build decodes them for a while.
const BODIES: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_not_mistaken_for_death() {
    let dir = tempfile::tempdir().unwrap();
    let (data, settings) = (dir.path().join("data"), dir.path().join("karat.toml"));
    // Nothing is committed, so that all of it is read again; one thread decodes, so that this takes its time.
    let text = "[store]\nflush_interval_ms = 3600000\nflush_bytes = 80000000\ncompact_bytes = 1000000\ndecode_threads = 1\n[log]\nfilter = \"error\"\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n";
    std::fs::write(&settings, text).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let server = Server::start(&data, Some(&settings));
    let mut n_acked = 0;
    while n_acked < BODIES {
        let url = format!("http://{}/v1/traces", server.otlp_http);
        let sent = client.post(url).header("content-type", "application/x-protobuf").body(body(n_acked)).send().await.unwrap();
        assert!(sent.status().is_success(), "{}", sent.status());
        n_acked += 1;
    }
    assert_eq!(client.get(format!("http://{}/ready", server.http)).send().await.unwrap().status().as_u16(), 200);
    server.kill();

    let ports = free_ports();
    let child = Server::spawn_at(&data, &settings, &ports);
    let [_, otlp, http] = ports.map(|port| format!("http://127.0.0.1:{port}"));
    let (mut n_reading, mut n_refused) = (0, 0);
    loop {
        let Ok(health) = client.get(format!("{http}/health")).send().await else {
            assert_eq!(n_reading, 0, "the server was there and went away");
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        assert_eq!(health.status().as_u16(), 200, "the process lives");
        let ready = client.get(format!("{http}/ready")).send().await.unwrap();
        if ready.status().as_u16() == 200 {
            break;
        }
        assert_eq!(ready.status().as_u16(), 503);
        assert!(ready.headers().contains_key("retry-after"));
        let said: Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
        assert_eq!(said["ready"], false);
        if let (Some(done), Some(all)) = (said["bytes_read"].as_u64(), said["bytes"].as_u64()) {
            assert!(done <= all, "{said}");
            n_reading += u32::from(all > 0);
        }
        let sent = client.post(format!("{otlp}/v1/traces")).header("content-type", "application/x-protobuf").body(body(0)).send().await;
        n_refused += u32::from(sent.is_ok_and(|response| response.status().as_u16() == 503 && response.headers().contains_key("retry-after")));
    }
    assert!(n_reading > 0 && n_refused > 0, "the replay was too short to be seen: {n_reading} looks, {n_refused} refusals");
    let server = tokio::task::spawn_blocking(move || Server::ready(child)).await.unwrap().unwrap();
    let seen = server.sql(None, "select count(*) as n from spans").await;
    assert_eq!(seen[0]["n"].as_u64(), Some(n_acked));
    server.stop();
}

/// Returns ports that are free, and that nobody who asks for any port is given: below those that the system hands out.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    std::array::from_fn(|_| {
        let next = || first + TAKEN.fetch_add(1, Ordering::Relaxed);
        std::iter::repeat_with(next).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
    })
}
