//! Kafka between gateways and ingesters: what a gateway acked is in the tables exactly once, whatever is killed, stopped or moved.

mod collector;
mod nodes;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use self::nodes::{Broker, Node, SETTINGS};
use crate::crash::check::{Expected, by_request};
use crate::crash::clients::{Clients, Fate, Refusals};
use crate::objects::S3;
use crate::server::{Server, TENANTS, karat, settings_for_two_tenants};

/// How often the ingester is killed.
const KILLS: u32 = 12;
const SEED: u64 = 0x006b_6166_6b61;
/// Moments between two steps of a commit.
const MOMENTS: [&str; 4] = ["RowsSealed", "FilesWritten", "CommitLinked", "Committed"];

/// Counts rows of all signals over both tenants.
async fn count(server: &Server) -> usize {
    let mut n = 0;
    for (token, _) in TENANTS {
        let sql = "select (select count(*) from spans) + (select count(*) from logs) + (select count(*) from metrics) as n";
        n += server.sql(Some(token), sql).await[0]["n"].as_u64().unwrap();
    }
    n as usize
}

/// What a node says of itself, ready or not.
async fn standing(server: &Server) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{}/ready", server.http)).send().await.unwrap().json().await.unwrap()
}

/// Waits until a condition of what a node says holds.
async fn wait_until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let said = standing(server).await;
        if holds(&said) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{what}: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_caught_up(said: &Value) -> bool {
    let partitions = said["kafka"]["partitions"].as_array().unwrap();
    !partitions.is_empty() && partitions.iter().all(|partition| partition["lag"] == 0)
}

/// Waits until everything that was acked is there, then looks at each row.
async fn check(server: &Server, fates: &BTreeMap<u64, Fate>) -> Expected {
    let (expected, began) = (Expected::of(fates), Instant::now());
    while count(server).await < expected.n_rows() {
        assert!(began.elapsed() < Duration::from_secs(90), "{} of {} rows: {}", count(server).await, expected.n_rows(), standing(server).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    expected.on_server(server).await;
    expected
}

/// One ingester is killed again and again: at random, and between two steps of a commit. In between the broker is stopped, and killed.
#[tokio::test(flavor = "multi_thread")]
async fn acked_rows_land_once_whatever_is_killed() {
    let Some(broker) = Broker::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (data, settings) = (dir.path().join("data"), settings_for_two_tenants(dir.path(), SETTINGS));
    let node = Node { broker: &broker, settings: &settings, variables: Vec::new() };
    let gateway = node.start("gateway", &dir.path().join("unused"));
    let clients = Clients::start(Refusals::AreInDoubt);
    clients.announce(&gateway);
    // A member with a name takes its partitions up again at once; one without waits until its predecessor is given up.
    let named = Node { variables: vec![("KARAT_CONFIG", named_member(dir.path(), &settings))], ..node };
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for kill in 0..KILLS {
        let moment = (kill % 3 != 0).then(|| format!("{}:{}", MOMENTS.choose(&mut random).unwrap(), random.random_range(1..8)));
        live(&named, &data, moment, Duration::from_millis(random.random_range(500..2_500))).await;
        match kill {
            4 => broker.restart("stop"),
            8 => broker.restart("kill"),
            _ => {}
        }
    }
    let server = named.start("ingester", &data);
    let fates = clients.finish().await;
    let expected = check(&server, &fates).await;
    by_request(&server, &fates).await;
    wait_until(&server, "everything is committed", is_caught_up).await;
    server.kill();
    expected.at_rest(&data, "at rest after a kill");
    expected.in_duckdb(&data);
    eprintln!("{} requests with {} rows through Kafka, {KILLS} kills of the ingester, 2 of the broker", fates.len(), expected.n_rows());
    gateway.stop();
}

fn named_member(dir: &Path, settings: &Path) -> String {
    let file = dir.join("named.toml");
    let text = std::fs::read_to_string(settings).unwrap();
    std::fs::write(&file, text + "\"group.instance.id\" = \"one\"\n").unwrap();
    file.display().to_string()
}

/// One life of an ingester, which ends at a moment between two steps, or when its time is over.
async fn live(node: &Node<'_>, data: &Path, moment: Option<String>, life: Duration) {
    let child = node.spawn("ingester", data, moment.as_deref());
    let Some(mut server) = tokio::task::spawn_blocking(move || Server::ready(child)).await.unwrap() else {
        assert!(moment.is_some(), "the ingester did not come up after a crash");
        return;
    };
    let (limit, began) = (if moment.is_some() { Duration::from_secs(8) } else { life }, Instant::now());
    while began.elapsed() < limit {
        if server.has_ended() {
            assert!(moment.is_some(), "the ingester ended by itself");
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
}

/// Several ingesters over one set of tables: they come, go, are killed, and one sleeps until others have its partitions, and wakes up.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_ingesters() {
    let Some(broker) = Broker::start() else { return };
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_for_two_tenants(dir.path(), SETTINGS);
    let variables =
        s3.variables().iter().map(|(name, value)| (name.as_str(), value.clone())).chain([("KARAT_STORE_ROOT", "s3://lake/tables".to_owned())]);
    let node = Node { broker: &broker, settings: &settings, variables: variables.collect() };
    let gateway = node.start("gateway", &dir.path().join("unused"));
    let clients = Clients::start(Refusals::AreInDoubt);
    clients.announce(&gateway);

    let a = node.start("ingester", &dir.path().join("a"));
    wait_until(&a, "the first gets all partitions", |said| said["kafka"]["partitions"].as_array().is_some_and(|all| all.len() == 9)).await;
    let b = node.start("ingester", &dir.path().join("b"));
    let has_some = |said: &Value| said["kafka"]["partitions"].as_array().is_some_and(|all| !all.is_empty() && all.len() < 9);
    wait_until(&b, "the second gets some", has_some).await;
    a.signal("STOP");
    wait_until(&b, "the second gets those of the one that sleeps", |said| said["kafka"]["partitions"].as_array().unwrap().len() == 9).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    a.signal("CONT");
    wait_until(&a, "the one that woke up gets some again", has_some).await;
    b.kill();
    let c = node.start("ingester", &dir.path().join("c"));
    wait_until(&c, "the third gets some", has_some).await;

    let fates = clients.finish().await;
    check(&c, &fates).await;
    c.stop();
    check(&a, &fates).await;
    let expected = Expected::of(&fates);
    a.stop();
    eprintln!("{} requests with {} rows through 3 ingesters", fates.len(), expected.n_rows());
    let reader = node.start("all", &dir.path().join("reader"));
    expected.on_server(&reader).await;
    reader.stop();
    gateway.stop();
}

/// Ingesters of one group whose tables are not the same would each have a part of the rows: both say so.
#[tokio::test(flavor = "multi_thread")]
async fn ingesters_that_share_no_tables_are_warned() {
    let Some(broker) = Broker::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_for_two_tenants(dir.path(), SETTINGS);
    let node = Node { broker: &broker, settings: &settings, variables: Vec::new() };
    // The first request makes the topic; before that there is nothing to share out.
    let gateway = node.start("gateway", &dir.path().join("unused"));
    let request = crate::crash::request::Request { number: 6 };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/traces", gateway.otlp_http);
    let sent = client.post(url).header("content-type", "application/x-protobuf").bearer_auth(TENANTS[0].0).body(request.body()).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 200);
    gateway.stop();
    let a = node.start("ingester", &dir.path().join("a"));
    wait_until(&a, "the first gets the partitions", |said| !said["kafka"]["partitions"].as_array().unwrap().is_empty()).await;
    assert!(standing(&a).await["kafka"]["warning"].is_null(), "one is no crowd");
    let b = node.start("ingester", &dir.path().join("b"));
    for node in [&a, &b] {
        let is_warned = |said: &Value| said["kafka"]["warning"].as_str().is_some_and(|warning| warning.contains("store.root"));
        wait_until(node, "both are warned", is_warned).await;
    }
    b.stop();
    wait_until(&a, "it passes with its cause", |said| said["kafka"]["warning"].is_null()).await;
    a.stop();
}

/// Encrypted and authenticated; with the wrong password nothing is lost, and everybody is told.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_want_tls_and_a_password() {
    let Some(broker) = Broker::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let settings = settings_for_two_tenants(dir.path(), SETTINGS);
    let secure = |password: &str, mechanism: &str| {
        let variables = [
            ("KARAT_KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KARAT_KAFKA_SASL_MECHANISM", mechanism),
            ("KARAT_KAFKA_BROKERS", &broker.sasl_ssl),
            ("KARAT_KAFKA_CA_FILE", &broker.ca),
            ("KARAT_KAFKA_USERNAME", &broker.username),
            ("KARAT_KAFKA_PASSWORD_ENV", "BROKER_PASSWORD"),
            ("BROKER_PASSWORD", password),
        ];
        Node { broker: &broker, settings: &settings, variables: variables.map(|(name, value)| (name, value.to_owned())).to_vec() }
    };
    let impostor = secure("wrong", "SCRAM-SHA-512").start("gateway", &dir.path().join("unused"));
    let request = crate::crash::request::Request { number: 6 };
    let send = async |server: &Server| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/v1/traces", server.otlp_http);
        client.post(url).header("content-type", "application/x-protobuf").bearer_auth(TENANTS[0].0).body(request.body()).send().await.unwrap()
    };
    let refused = send(&impostor).await;
    assert_eq!(refused.status().as_u16(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    wait_until(&impostor, "the impostor is not ready", |said| said["ready"] == false && said["kafka"]["reachable"] == false).await;
    let doctor = karat().args(["doctor", "--url", &format!("http://{}", impostor.http)]).output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert!(!doctor.status.success() && told.contains("BAD") && told.contains("role gateway: the brokers do not answer"), "{told}");
    impostor.stop();

    let node = secure(&broker.password, "SCRAM-SHA-512");
    let (gateway, ingester) = (node.start("gateway", &dir.path().join("unused")), node.start("ingester", &dir.path().join("data")));
    assert_eq!(send(&gateway).await.status().as_u16(), 200);
    check(&ingester, &BTreeMap::from([(6, Fate::Acked)])).await;
    wait_until(&ingester, "everything is committed", |said| said["ready"] == true && is_caught_up(said)).await;
    let url = format!("http://{}", ingester.http);
    let doctor = karat().env("KARAT_TOKEN", TENANTS[0].0).args(["doctor", "--tenant", TENANTS[0].1, "--url", &url]).output().unwrap();
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.status.success() && told.contains("role ingester: the brokers answer"), "{told}");
    assert!(told.contains("otlp_spans/") && told.contains(", 0 messages behind"), "{told}");
    let metrics = async |server: &Server| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("http://{}/metrics", server.http)).bearer_auth(TENANTS[0].0).send().await.unwrap().text().await.unwrap()
    };
    let (of_gateway, of_ingester) = (metrics(&gateway).await, metrics(&ingester).await);
    assert!(of_gateway.contains("karat_kafka_delivered_total{signal=\"traces\"} 1"), "{of_gateway}");
    assert!(of_ingester.contains("karat_kafka_lag{topic=\"otlp_spans\",partition=\"0\"} 0"), "{of_ingester}");
    gateway.stop();
    ingester.stop();

    let tls_alone = [("KARAT_KAFKA_SECURITY_PROTOCOL", "ssl"), ("KARAT_KAFKA_BROKERS", &broker.ssl), ("KARAT_KAFKA_CA_FILE", &broker.ca)];
    let tls_alone = Node { variables: tls_alone.map(|(name, value)| (name, value.to_owned())).to_vec(), ..node.clone() };
    for node in [secure(&broker.password, "SCRAM-SHA-256"), tls_alone] {
        let gateway = node.start("gateway", &dir.path().join("unused"));
        assert_eq!(send(&gateway).await.status().as_u16(), 200, "{:?}", standing(&gateway).await);
        gateway.stop();
    }
}
