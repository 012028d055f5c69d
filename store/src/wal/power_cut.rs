//! The log over a disk that loses its power at any moment: what was acked is read again, what was refused is not, a torn tail is cut.
//!
//! Each case follows from its seed. `KARAT_POWER_CUTS=100000 cargo test -p karat-store power_cut` tries so many.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::{Micros, Tenant};

use super::group::Entry;
use super::writer::{Segments, Writer};
use super::{Frame, LogId, Tail, open_id, read_applied, retire, scan};
use crate::config::StoreConfig;
use crate::decode::Signal;
use crate::dedup::{Known, Stored, Window};
use crate::disk::Disk;
use crate::disk::volatile::VolatileDisk;
use crate::error::Error;
use crate::fail::Fail;

const CASES: u64 = 1_500;
const DIR: &str = "/log";
const NOW: Micros = Micros(1_000_000);

/// One log through several power cuts, and what is known of its records.
struct Case {
    random: ChaCha8Rng,
    disk: VolatileDisk,
    next_body: u64,
    /// What was acked, or was read after a cut: it must be read ever after.
    acked: BTreeMap<u64, u64>,
    /// What was neither acked nor refused when the power went.
    in_doubt: BTreeSet<u64>,
    /// The highest position up to which rows were said to be in their tables.
    applied: u64,
}

/// What a start finds.
struct Opened {
    id: LogId,
    window: Arc<Window>,
    next_seq: u64,
    closed: Vec<super::segment::Closed>,
}

#[test]
fn what_was_acked_survives_every_power_cut() {
    check(0.0);
}

/// Disks that fail now and then, with the power on: the sender hears of it, and what it heard of does not come back.
#[test]
fn what_was_refused_stays_refused() {
    check(0.05);
}

fn check(faults: f64) {
    let cases = std::env::var("KARAT_POWER_CUTS").map_or(CASES, |cases| cases.parse().unwrap());
    let (mut n_acked, mut n_doubts) = (0, 0);
    for seed in 0..cases {
        let mut case = Case {
            random: ChaCha8Rng::seed_from_u64(seed),
            disk: VolatileDisk::new(seed),
            next_body: 0,
            acked: BTreeMap::new(),
            in_doubt: BTreeSet::new(),
            applied: 0,
        };
        for _ in 0..case.random.random_range(1..6) {
            let opened = case.start(seed);
            case.disk.set_faults(faults);
            case.disk.cut_after(case.random.random_range(0..60));
            case.work(opened);
            case.disk.set_faults(0.0);
            case.disk.restore();
            n_doubts += case.in_doubt.len();
        }
        case.start(seed);
        n_acked += case.acked.len();
    }
    assert!(n_acked as u64 > cases && n_doubts as u64 > cases / 2, "the cases are too tame: {n_acked} acked, {n_doubts} in doubt");
}

impl Case {
    /// Opens the log until it is not cut off meanwhile, and checks what it holds.
    fn start(&mut self, seed: u64) -> Opened {
        loop {
            if self.random.random_bool(0.3) {
                self.disk.cut_after(self.random.random_range(0..8));
            }
            let opened = self.open();
            let is_on = self.disk.is_on();
            self.disk.cut_after(0);
            self.disk.restore();
            match opened {
                // What it read is on the disk, so a second start must read the same.
                Ok((frames, _)) if !is_on => self.hold_against(seed, &frames),
                Ok((frames, opened)) => {
                    self.hold_against(seed, &frames);
                    self.remember(&frames);
                    let (again, _) = self.open().unwrap();
                    assert_eq!(frames, again, "seed {seed}: a second start reads something else");
                    self.check_window(seed, &opened.window);
                    return opened;
                }
                Err(_) if !is_on => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }

    fn open(&self) -> Result<(Vec<Frame>, Opened), Error> {
        let (disk, dir): (&dyn Disk, _) = (&self.disk, Path::new(DIR));
        let id = open_id(disk, dir)?;
        let applied = read_applied(disk, dir);
        assert!(applied <= self.applied, "{applied} was never applied");
        let window = Arc::new(Window::new(&StoreConfig::default()));
        window.load(disk, dir)?;
        let mut frames = Vec::new();
        let scanned = scan(disk, dir, id, applied, Tail::Cut, |frame| {
            window.note(&frame.tenant, frame.signal, frame.hash, Stored { seq: frame.seq, received_at: frame.received_at });
            frames.push(frame);
            Ok(())
        })?;
        Ok((frames, Opened { id, window, next_seq: scanned.next_seq.max(applied + 1), closed: scanned.closed }))
    }

    /// Every acked record that is not in a table is there, once and whole; nothing else is, but what was on its way.
    fn hold_against(&self, seed: u64, frames: &[Frame]) {
        let found: BTreeMap<u64, u64> = frames.iter().map(|frame| (frame.seq, number_of(&frame.body))).collect();
        assert_eq!(found.len(), frames.len(), "seed {seed}: a position is there twice");
        for (seq, body) in self.acked.range(self.applied + 1..) {
            assert_eq!(found.get(seq), Some(body), "seed {seed}: record {seq} was acked");
        }
        for (seq, body) in &found {
            let known = self.acked.get(seq) == Some(body) || (!self.acked.contains_key(seq) && self.in_doubt.contains(body));
            assert!(known, "seed {seed}: record {seq} holds body {body}, which was refused");
        }
    }

    fn remember(&mut self, frames: &[Frame]) {
        self.acked.extend(frames.iter().map(|frame| (frame.seq, number_of(&frame.body))));
        self.in_doubt.clear();
    }

    /// A body that was acked is not stored again when its sender repeats it, also when its segment is gone.
    fn check_window(&self, seed: u64, window: &Arc<Window>) {
        for (seq, body) in &self.acked {
            let known = window.ask(&Tenant::default(), Signal::Traces, u128::from(*body), NOW);
            assert!(matches!(known, Known::Stored(at) if at == *seq), "seed {seed}: body {body} would be stored again");
        }
    }

    /// Appends groups and lets segments go, until the power does.
    fn work(&mut self, opened: Opened) {
        let Opened { id, window, next_seq, closed } = opened;
        let segments = Arc::new(Segments::new(closed));
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let room = self.random.random_range(200..6_000);
        let mut writer = Writer { disk, dir: DIR.into(), id, room, segments: Arc::clone(&segments), active: None, next_seq, fail: Fail::default() };
        while self.disk.is_on() {
            let group = self.group();
            let appended = writer.append(&group);
            let bodies = group.iter().map(|entry| number_of(&entry.body));
            match appended {
                Ok(first) => {
                    let acked: Vec<_> = (first..).zip(bodies).collect();
                    for (seq, body) in &acked {
                        window.note(&Tenant::default(), Signal::Traces, u128::from(*body), Stored { seq: *seq, received_at: NOW });
                    }
                    self.acked.extend(acked);
                }
                // The answer did not go out any more, or a new file could not be begun, which takes two faults in a row.
                Err(_) if !self.disk.is_on() || writer.active.is_none() => self.in_doubt.extend(bodies),
                Err(_) => {}
            }
            if self.random.random_bool(0.3) {
                let last = self.acked.last_key_value().map_or(0, |(seq, _)| *seq);
                self.applied = self.random.random_range(self.applied..=last.max(self.applied));
                // It is tried again with the next commit.
                let _ = retire(&self.disk, Path::new(DIR), &segments, &window, self.applied);
            }
        }
    }

    fn group(&mut self) -> Vec<Entry> {
        let n = self.random.random_range(1..5);
        (0..n).map(|_| self.entry()).collect()
    }

    fn entry(&mut self) -> Entry {
        let number = self.next_body;
        self.next_body += 1;
        let filler_max = if self.random.random_bool(0.3) { 1_500 } else { 40 };
        let filler = self.random.random_range(0..filler_max);
        let body: Bytes = format!("{number} {}", "x".repeat(filler)).into();
        Entry { signal: Signal::Traces, tenant: Tenant::default(), received_at: NOW, hash: u128::from(number), body, done: Box::new(|_| {}) }
    }
}

fn number_of(body: &[u8]) -> u64 {
    std::str::from_utf8(body).unwrap().split_once(' ').unwrap().0.parse().unwrap()
}
