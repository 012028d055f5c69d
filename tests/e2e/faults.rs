//! A directory that is taken, a disk that is full: clear answers, nothing acked is lost, and good work goes on.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::server::{Server, karat};

#[test]
fn a_second_karat_on_the_same_directory_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start(dir.path(), None);
    let second = karat()
        .args(["serve", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(said.contains("held by another karat"), "{said}");
    first.stop();
}

#[test]
fn a_taken_port_says_which_flag_helps() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = karat()
        .args(["serve", "--http", &taken.local_addr().unwrap().to_string(), "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("--http takes another address"), "{said}");
}

/// A small file system of its own in memory; unmounted when dropped. `None` where this user may not mount.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("SKIPPED: needs the right to mount a tmpfs; run as root");
        }
        mounted.then(|| Self { path: path.to_owned() })
    }

    fn grow(&self, size: &str) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.path).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// One span with half a megabyte of text that does not compress.
pub fn body(number: u64) -> Vec<u8> {
    use rand::{Rng as _, SeedableRng as _};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(number);
    let noise: String = (0..512 * 1024).map(|_| char::from(random.random_range(b'!'..=b'~'))).collect();
    let span = Span {
        trace_id: (u128::from(number) << 8 | 1).to_be_bytes().to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: "work".to_owned(),
        start_time_unix_nano: 1_793_491_200_000_000_000 + number,
        end_time_unix_nano: 1_793_491_200_000_000_000 + number + 1,
        attributes: vec![KeyValue { key: "noise".to_owned(), value: Some(AnyValue { value: Some(Any::StringValue(noise)) }), ..KeyValue::default() }],
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_clients_and_forgotten_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("disk");
    std::fs::create_dir(&data).unwrap();
    let Some(disk) = SmallDisk::mount(&data, "60m") else { return };
    let settings = dir.path().join("karat.toml");
    std::fs::write(&settings, "[store]\nwal_segment_bytes = 8388608\n[stages]\nscore_every_s = 0\ninspect_every_s = 0\n").unwrap();
    let server = Server::start(&data, Some(&settings));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", server.otlp_http);
    let send = |number: u64| client.post(&url).header("content-type", "application/x-protobuf").body(body(number)).send();

    let mut n_acked = 0;
    let refused = loop {
        let response = send(n_acked).await.unwrap();
        if !response.status().is_success() {
            break response;
        }
        n_acked += 1;
        assert!(n_acked < 400, "200 MB fit on a disk of 60");
    };
    assert_eq!(refused.status().as_u16(), 503, "a client may try again after 503, but not after 500");
    assert!(refused.headers().contains_key("retry-after"));
    let seen = server.sql(None, "select count(*) as n from spans").await;
    assert_eq!(seen[0]["n"].as_u64(), Some(n_acked), "what was acked can be read while the disk is full");
    assert_eq!(server.status("/health").await, 200, "the process lives");
    assert_eq!(server.status("/ready").await, 503, "but takes nothing");

    disk.grow("600m");
    let mut n_looks = 0;
    while server.status("/ready").await != 200 {
        n_looks += 1;
        assert!(n_looks < 200, "the server does not see that there is room again");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut number = n_acked;
    let more = n_acked + 20;
    for _ in 0..600 {
        if send(number).await.unwrap().status().is_success() {
            number += 1;
            if number == more {
                break;
            }
        } else {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    assert_eq!(number, more, "ingest did not recover when there was room again");
    let check = "select count(*) as n, count(distinct span_id) as d from spans";
    for _ in 0..100 {
        if server.sql(None, check).await[0]["n"].as_u64() == Some(more) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let seen = server.sql(None, check).await;
    assert_eq!((seen[0]["n"].as_u64(), seen[0]["d"].as_u64()), (Some(more), Some(more)));
    server.kill();

    let server = Server::start(&data, Some(&settings));
    let seen = server.sql(None, check).await;
    assert_eq!((seen[0]["n"].as_u64(), seen[0]["d"].as_u64()), (Some(more), Some(more)), "after a restart");
    server.stop();
}
