//! Acked means kept: the server is killed again and again under load, and every acked row is found exactly once.
//!
//! `just crash` runs 500 cycles; `cargo test` runs [`CYCLES`]. A cycle starts the server on what the last one left, checks what is there,
//! lets the clients go on, and ends with SIGKILL: at a random moment, in the middle of a start, or at a named moment between two steps,
//! at which the server kills itself (`store/src/fail.rs`).

pub mod check;
pub mod clients;
mod grpc;
pub mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use self::check::{Expected, by_request};
use self::clients::{Clients, Fate, Refusals};
use crate::objects::S3;
use crate::server::{Server, karat, settings_for_two_tenants, spawn};

/// Cycles in the normal tests: enough for [`KILLS_MIN`].
const CYCLES: u32 = 125;
/// SIGKILLs that nobody timed, in the normal tests at least.
const KILLS_MIN: u32 = 50;
/// Cycles on one data directory: what they have left is read at every start.
const EPOCH: u32 = 25;
const SEED: u64 = 0x6b61_7261_7421;

/// Moments that come with every commit of rows.
const QUICK: [&str; 7] = ["LogWritten", "LogSynced", "RowsSealed", "FilesWritten", "CommitLinked", "Committed", "Swapped"];
/// Moments that come with maintenance, which looks at the tables every two seconds.
const SLOW: [&str; 2] = ["CompactionWritten", "CheckpointWritten"];
/// How long a server may live that is to kill itself.
const PATIENCE: Duration = Duration::from_secs(4);

/// How a server ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Death {
    AtRandom,
    WhileStarting,
    At(&'static str),
}

impl Death {
    /// Half of all deaths are at named moments; the slow ones among them are rare, so that a cycle takes a second.
    fn pick(random: &mut ChaCha8Rng) -> Death {
        match random.random_range(0..20) {
            0..8 => Death::AtRandom,
            8..10 => Death::WhileStarting,
            10..18 => Death::At(QUICK.choose(random).unwrap()),
            _ => Death::At(SLOW.choose(random).unwrap()),
        }
    }
}

/// What many cycles came to.
#[derive(Debug, Default)]
struct Tally {
    deaths: BTreeMap<Death, u32>,
    n_acked: usize,
    n_refused: usize,
    n_rows: usize,
}

#[test]
fn every_acked_row_is_there_exactly_once_after_every_crash() {
    let n_cycles = std::env::var("KARAT_CRASH_CYCLES").map_or(CYCLES, |cycles| cycles.parse().unwrap());
    let seed = std::env::var("KARAT_CRASH_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut random, mut tally, began) = (ChaCha8Rng::seed_from_u64(seed), Tally::default(), Instant::now());
    let mut left = n_cycles;
    while left > 0 {
        let n = left.min(EPOCH);
        left -= n;
        runtime.block_on(epoch(n, &mut random, &mut tally));
        eprintln!("{} cycles of {n_cycles} after {:.0} s: {tally:?}", n_cycles - left, began.elapsed().as_secs_f64());
    }
    assert!(tally.n_acked > 4 * n_cycles as usize, "the load was too light to say anything: {tally:?}");
    if n_cycles >= CYCLES {
        let n_kills: u32 = tally.deaths.iter().filter(|(death, _)| matches!(death, Death::AtRandom | Death::WhileStarting)).map(|(_, n)| n).sum();
        assert!(n_kills >= KILLS_MIN, "only {n_kills} of the deaths came at random: {tally:?}");
    }
    if n_cycles >= 500 {
        let missing: Vec<_> = QUICK.iter().chain(&SLOW).filter(|point| !tally.deaths.contains_key(&Death::At(point))).collect();
        assert!(missing.is_empty(), "no server died at {missing:?}");
    }
}

/// A server that is started again and again on what the last one left.
struct Place {
    data: PathBuf,
    settings: PathBuf,
    /// Settings over those, such as where the tables are.
    variables: Vec<(String, String)>,
}

impl Place {
    fn spawn(&self, failpoint: Option<&str>) -> Child {
        let mut command = karat();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(failpoint.map(|failpoint| ("KARAT_FAILPOINT", failpoint)));
        spawn(command, &self.data, Some(&self.settings), &[0; 3])
    }

    fn start(&self) -> Server {
        Server::ready(self.spawn(None)).expect("the server did not come up")
    }

    /// Has every request answered, and checks what is there.
    async fn settle(&self, clients: Clients, tally: &mut Tally) -> Expected {
        let server = self.start();
        clients.announce(&server);
        let fates = clients.finish().await;
        by_request(&server, &fates).await;
        let expected = Expected::of(&fates);
        expected.on_server(&server).await;
        server.kill();
        tally.n_acked += fates.values().filter(|fate| **fate == Fate::Acked).count();
        tally.n_refused += fates.values().filter(|fate| **fate == Fate::Refused).count();
        tally.n_rows += expected.n_rows();
        expected
    }
}

/// Runs cycles on one data directory, and reads every row at the end, in every way there is.
async fn epoch(n_cycles: u32, random: &mut ChaCha8Rng, tally: &mut Tally) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let place = Place { data: data.clone(), settings: settings_for_two_tenants(dir.path(), HASTY), variables: Vec::new() };
    let clients = Clients::start(Refusals::AreCertain);
    for _ in 0..n_cycles {
        let death = cycle(&place, &clients, Death::pick(random), random).await;
        *tally.deaths.entry(death).or_default() += 1;
    }
    let expected = place.settle(clients, tally).await;
    expected.at_rest(&data, "at rest after a kill");
    place.start().stop();
    expected.at_rest(&data, "at rest after a stop");
    expected.in_duckdb(&data);
}

/// The same over an object store, where a commit that counts may stay without an answer. In the end the tables alone have every row.
#[tokio::test(flavor = "multi_thread")]
async fn every_acked_row_is_there_after_crashes_over_an_object_store() {
    let Some(s3) = S3::start("versitygw") else { return };
    let dir = tempfile::tempdir().unwrap();
    let root = ("KARAT_STORE_ROOT".to_owned(), "s3://lake/tables".to_owned());
    let variables = s3.variables().iter().cloned().chain([root]).collect();
    let place = Place { data: dir.path().join("data"), settings: settings_for_two_tenants(dir.path(), HASTY), variables };
    let clients = Clients::start(Refusals::AreCertain);
    let (mut random, mut tally) = (ChaCha8Rng::seed_from_u64(SEED), Tally::default());
    let named = ["CommitLinked", "FilesWritten", "Committed", "CommitLinked", "CompactionWritten"].map(Death::At);
    for death in [Death::AtRandom, Death::WhileStarting].into_iter().chain(named) {
        let death = cycle(&place, &clients, death, &mut random).await;
        *tally.deaths.entry(death).or_default() += 1;
    }
    let expected = place.settle(clients, &mut tally).await;
    place.start().stop();
    let fresh = Place { data: dir.path().join("fresh"), ..place };
    let server = fresh.start();
    expected.on_server(&server).await;
    server.stop();
    eprintln!("over an object store: {tally:?}");
    assert!(tally.deaths.contains_key(&Death::At("CommitLinked")), "no server died between a commit and its answer");
}

/// Commits, compactions and checkpoints at every opportunity, and little memory, so that some requests are refused.
const HASTY: &str = "[store]\nflush_interval_ms = 20\ncommits_per_second = 200\ncompact_files = 3\ncheckpoint_commits = 5\nwal_segment_bytes = 1000000\nflush_bytes = 1000000\ncompact_bytes = 500000\ningest_bytes_max = 208000000\nbody_bytes_max = 4000000\n";

/// One life of the server; returns how it ended.
async fn cycle(place: &Place, clients: &Clients, death: Death, random: &mut ChaCha8Rng) -> Death {
    let failpoint = match death {
        Death::At(point) => Some(format!("{point}:{}", random.random_range(1..6))),
        Death::AtRandom | Death::WhileStarting => None,
    };
    let mut child = place.spawn(failpoint.as_deref());
    if death == Death::WhileStarting {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        return death;
    }
    let Some(mut server) = tokio::task::spawn_blocking(move || Server::ready(child)).await.unwrap() else {
        assert!(failpoint.is_some(), "the server did not come up after a crash");
        return death;
    };
    if failpoint.is_none() {
        by_request(&server, &clients.book().fates()).await;
    }
    clients.announce(&server);
    let life = Duration::from_millis(random.random_range(20..500));
    let (limit, began) = (if failpoint.is_some() { PATIENCE } else { life }, Instant::now());
    while began.elapsed() < limit {
        if server.has_ended() {
            assert!(failpoint.is_some(), "the server ended by itself");
            return death;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.kill();
    Death::AtRandom
}
