//! Serves the dashboard over sample data, for whoever works on it: `cargo run -p karat-dashboard --example sample [port] [empty|TOKEN]`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dashboard::DashboardConfig;
use schema::{Keys, Micros, TraceId};

use support::{hostile, sample};

#[tokio::main]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for development")]
async fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(4319);
    let word = std::env::args().nth(2).unwrap_or_default();
    let empty = word == "empty";
    let keys = if word.is_empty() || empty { Keys::default() } else { Keys::new(vec![(word, schema::Tenant::default())]) };
    let data = tempfile::tempdir().unwrap();
    let clock = || Micros(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap());
    let now = clock();
    let store = support::open(data.path(), now).await;
    let tenant = schema::Tenant::default();
    if !empty {
        sample::traffic(now, 9, 380, 1).append(&store, &tenant, now).await;
        let long = sample::long_trace(TraceId([0xaa; 16]), now, 10_000);
        for spans in long.chunks(5_000) {
            store.append(&tenant, spans, now).await.unwrap();
        }
        store.append(&tenant, &hostile::tangled(now), now).await.unwrap();
        store.append(&tenant, &hostile::scripted(now), now).await.unwrap();
        store.append(&tenant, &hostile::scripted_scores(now), now).await.unwrap();
    }
    let router = dashboard::router(DashboardConfig::default(), store, Arc::new(keys), Arc::new(clock), axum::Router::new());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}
