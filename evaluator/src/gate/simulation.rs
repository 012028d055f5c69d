//! The gate under simulated runs: how often it cries wolf, and what it catches.
//!
//! `cargo test -p karat-evaluator gate::simulation -- --ignored --nocapture` prints the table of the bars; `KARAT_SIMULATIONS` is the number of
//! runs a setting (2,000 for the table of record). Every setting has ten metrics. The quick test holds two of the bars on fewer runs.

use std::path::PathBuf;

use measure::Seed;
use serde_json::{Map, Value, json};

use crate::checks::{Outcome, Scale};
use crate::compare::bare;
use crate::dataset::Dataset;
use crate::gate::{Ended, decide};
use crate::metrics::Metric;
use crate::report::{CaseOutcome, CaseReport, Report, RunInfo, RunOutcome, ScoreReport};
use crate::spec::{Better, GateSpec, Margin, MetricSpec, OnInconclusive};
use crate::suite::Suite;

/// How runs are made.
#[derive(Clone)]
struct Setting {
    name: &'static str,
    n: usize,
    /// Sizes of the clusters; none where cases are independent.
    clusters: Vec<usize>,
    /// Share of the noise that cases of a cluster have in common.
    icc: f64,
    repeats: usize,
    /// Whether the repeats of a case are all alike.
    identical: bool,
    /// Share of scores that are missing in the candidate and in the baseline.
    missing: f64,
    slices: usize,
    /// Fall of the first metric.
    fall: f64,
    base: f64,
    margin: Option<f64>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            name: "",
            n: 200,
            clusters: Vec::new(),
            icc: 0.1,
            repeats: 1,
            identical: false,
            missing: 0.0,
            slices: 0,
            fall: 0.0,
            base: 0.8,
            margin: None,
        }
    }
}

const METRICS: usize = 10;

/// Numbers from 0 to 1 out of a seed, by SplitMix64.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Sizes that follow Zipf's law and add up to about `n`.
fn zipf(clusters: usize, n: usize) -> Vec<usize> {
    let total: f64 = (1..=clusters).map(|rank| 1.0 / rank as f64).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a size of a cluster")]
    (1..=clusters).map(|rank| ((n as f64 / rank as f64 / total).round() as usize).max(1)).collect()
}

impl Setting {
    fn suite(&self) -> Suite {
        let clusters: Vec<usize> = self.clusters.iter().enumerate().flat_map(|(cluster, size)| std::iter::repeat_n(cluster, *size)).collect();
        let n = if clusters.is_empty() { self.n } else { clusters.len() };
        let row = |index: usize| {
            let mut row = Map::from_iter([("id".to_owned(), json!(format!("c{index:04}")))]);
            row.insert("cluster".to_owned(), json!(clusters.get(index).map_or(index, |cluster| *cluster)));
            for slice in 0..self.slices {
                row.insert(format!("s{slice}"), json!(index * (slice + 3) / 7 % 3));
            }
            row
        };
        let dataset = Dataset::of((0..n).map(row).collect(), String::new());
        let slices: Vec<String> = (0..self.slices).map(|slice| format!("s{slice}")).collect();
        let gate = GateSpec { slices: slices.clone(), ..GateSpec::default() };
        let spec = |index: usize| MetricSpec { margin: self.margin.filter(|_| index == 0).map(Margin::Absolute), ..MetricSpec::default() };
        let metrics = (0..METRICS).map(|index| Metric { name: format!("m{index}"), scale: Scale::Rate, better: Better::Higher, spec: spec(index) });
        let mut suite = bare(PathBuf::from("simulation.yaml"), dataset, metrics.collect(), gate);
        suite.slices = slices;
        suite.cluster = (!clusters.is_empty()).then(|| "cluster".to_owned());
        suite
    }

    /// One run: every case has a difficulty of its own, shared in part by its cluster; what a run adds is noise.
    fn run(&self, suite: &Suite, seed: u64, which: u64, fall: f64) -> Vec<CaseReport> {
        let n = suite.dataset.cases.len();
        // Difficulties are the same in both runs, the luck of a run is not.
        let (mut fixed, mut luck) = (Dice(seed), Dice(seed ^ (which.wrapping_mul(0x5851_f42d_4c95_7f2d) + 1)));
        let cluster_of =
            |index: usize| suite.dataset.cases[index].vars["cluster"].as_u64().and_then(|cluster| usize::try_from(cluster).ok()).unwrap_or(0);
        let n_clusters = (0..n).map(cluster_of).max().map_or(0, |last| last + 1);
        let mut cases: Vec<CaseReport> =
            (0..self.repeats).flat_map(|repeat| (0..n).map(move |index| (repeat, index))).map(|(repeat, index)| case(suite, index, repeat)).collect();
        for metric in 0..METRICS {
            let own: Vec<f64> = (0..n).map(|_| fixed.normal()).collect();
            let moved: Vec<f64> = (0..n_clusters).map(|_| luck.normal()).collect();
            let rate = self.base - if metric == 0 { fall } else { 0.0 };
            let threshold = quantile(rate);
            for index in 0..n {
                let shared = if self.clusters.is_empty() { 0.0 } else { self.icc.sqrt() * moved[cluster_of(index)] };
                let rest = 1.0 - if self.clusters.is_empty() { 0.0 } else { self.icc };
                let mut last = None;
                for repeat in 0..self.repeats {
                    let noise = luck.normal();
                    let skill = (0.5 * rest).sqrt() * own[index] + shared + (0.5 * rest).sqrt() * noise;
                    let passed = if self.identical { *last.get_or_insert(skill < threshold) } else { skill < threshold };
                    let missing = luck.unit() < self.missing;
                    cases[repeat * n + index].scores.push(score(metric, passed, missing));
                }
            }
        }
        cases
    }
}

fn case(suite: &Suite, index: usize, repeat: usize) -> CaseReport {
    CaseReport {
        id: suite.dataset.cases[index].id.clone(),
        description: None,
        repeat: u32::try_from(repeat).unwrap(),
        prompt: None,
        provider: "p".to_owned(),
        outcome: CaseOutcome::Scored,
        score: None,
        trace_id: None,
        latency_ms: None,
        cost_usd: None,
        output: None,
        error: None,
        hash: None,
        scores: Vec::with_capacity(METRICS),
    }
}

fn score(metric: usize, passed: bool, missing: bool) -> ScoreReport {
    ScoreReport {
        metric: format!("m{metric}"),
        check: String::new(),
        assertion: String::new(),
        value: (!missing).then_some(if passed { 1.0 } else { 0.0 }),
        score: None,
        passed: (!missing).then_some(passed),
        outcome: if missing { Outcome::Failed } else { Outcome::Value },
        label: None,
        reason: String::new(),
        signature: String::new(),
        weight: 1.0,
    }
}

/// The standard normal quantile, by bisection of the error function's integral.
fn quantile(rate: f64) -> f64 {
    let cdf = |x: f64| {
        let steps = 2_000;
        let width = (x + 8.0) / f64::from(steps);
        (0..steps).map(|step| (-0.5 * (-8.0 + (f64::from(step) + 0.5) * width).powi(2)).exp() * width).sum::<f64>() / std::f64::consts::TAU.sqrt()
    };
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if cdf(middle) < rate { low = middle } else { high = middle }
    }
    low
}

/// What became of the simulated runs.
#[derive(Clone, Copy, Default)]
struct Tally {
    regressed: usize,
    passed: usize,
    /// Runs in which the first metric ended as REGRESSED, and as PASS.
    caught: usize,
    proven: usize,
    /// Runs in which every metric could have seen a fall of `max_mde`.
    sighted: usize,
    passed_sighted: usize,
    mde: f64,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            regressed: self.regressed + other.regressed,
            passed: self.passed + other.passed,
            caught: self.caught + other.caught,
            proven: self.proven + other.proven,
            sighted: self.sighted + other.sighted,
            passed_sighted: self.passed_sighted + other.passed_sighted,
            mde: self.mde + other.mde,
        }
    }
}

/// Looks at every run, on every core, and adds up what became of them.
fn tallied<T: Default + Send>(runs: usize, each: impl Fn(usize) -> T + Sync, add: impl Fn(T, T) -> T + Sync) -> T {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let (each, add) = (&each, &add);
        let worker = |core: usize| scope.spawn(move || (core..runs).step_by(cores).map(each).fold(T::default(), add));
        let workers: Vec<_> = (0..cores).map(worker).collect();
        workers.into_iter().map(|worker| worker.join().expect("the simulation runs to its end")).fold(T::default(), add)
    })
}

fn simulate(setting: &Setting, runs: usize) -> Tally {
    let run = |number: usize| {
        let mut suite = setting.suite();
        let seed = Seed::of(["simulation", setting.name, &number.to_string()]).unit().to_bits();
        let baseline = setting.run(&suite, seed, 0, 0.0);
        let candidate = setting.run(&suite, seed, 1, setting.fall);
        suite.compare_with(std::path::Path::new("baseline.json"), Report::of_cases(RunInfo::default(), baseline));
        let decision = decide(&suite, &candidate, Ended::Whole).unwrap();
        let first = &decision.metrics[0];
        let sighted = decision.metrics.iter().all(|metric| metric.mde.is_some_and(|mde| mde <= suite.gate.max_mde));
        let passed = decision.verdict.outcome == RunOutcome::Pass;
        Tally {
            regressed: usize::from(decision.verdict.outcome == RunOutcome::Regressed),
            passed: usize::from(passed),
            caught: usize::from(first.outcome == Some(RunOutcome::Regressed)),
            proven: usize::from(first.outcome == Some(RunOutcome::Pass)),
            sighted: usize::from(sighted),
            passed_sighted: usize::from(sighted && passed),
            mde: first.mde.unwrap_or(1.0) / runs as f64,
        }
    };
    tallied(runs, run, Tally::and)
}

/// What became of runs that were looked at after every repeat.
#[derive(Clone, Copy, Default)]
struct Looked {
    regressed: usize,
    passed: usize,
    repeats: usize,
}

impl Looked {
    fn and(self, other: Self) -> Self {
        Self { regressed: self.regressed + other.regressed, passed: self.passed + other.passed, repeats: self.repeats + other.repeats }
    }
}

/// Runs with one baseline answer a case, looked at after each of up to `looks` repeats until they end as something else than INCONCLUSIVE.
fn simulate_looks(setting: &Setting, runs: usize, looks: u32, gate: &GateSpec) -> Looked {
    let setting = Setting { repeats: looks as usize, ..setting.clone() };
    let run = |number: usize| {
        let (mut suite, mut looked) = (setting.suite(), Looked::default());
        suite.gate = GateSpec { extend_max: looks, ..gate.clone() };
        let seed = Seed::of(["looks", setting.name, &number.to_string()]).unit().to_bits();
        let first = |cases: Vec<CaseReport>, repeats: u32| cases.into_iter().filter(|case| case.repeat < repeats).collect::<Vec<_>>();
        suite.compare_with(std::path::Path::new("baseline.json"), Report::of_cases(RunInfo::default(), first(setting.run(&suite, seed, 0, 0.0), 1)));
        let candidate = setting.run(&suite, seed, 1, setting.fall);
        for repeats in 1..=looks {
            looked.repeats += 1;
            let outcome = decide(&suite, &first(candidate.clone(), repeats), Ended::Whole).unwrap().verdict.outcome;
            looked.regressed += usize::from(outcome == RunOutcome::Regressed);
            looked.passed += usize::from(outcome == RunOutcome::Pass);
            if outcome != RunOutcome::Inconclusive {
                break;
            }
        }
        looked
    };
    tallied(runs, run, Looked::and)
}

/// A gate that is never content with what it could have seen, so that it looks until the end.
fn restless(on_inconclusive: OnInconclusive) -> GateSpec {
    GateSpec { on_inconclusive, max_mde: 0.001, ..GateSpec::default() }
}

/// The settings of the first bar: nothing changed.
fn unchanged() -> Vec<Setting> {
    let clustered = |name, clusters: Vec<usize>, icc| Setting { name, clusters, icc, ..Setting::default() };
    vec![
        Setting { name: "independent, n 200", ..Setting::default() },
        clustered("20 clusters of 10, ICC .1", vec![10; 20], 0.1),
        clustered("40 clusters of 5, ICC .3", vec![5; 40], 0.3),
        clustered("12 clusters of Zipf sizes, ICC .3", zipf(12, 200), 0.3),
        clustered("16 clusters of Zipf sizes, ICC .3", zipf(16, 200), 0.3),
        clustered("8 clusters of 25, ICC .3", vec![25; 8], 0.3),
        Setting { name: "3 repeats, n 150", n: 150, repeats: 3, ..Setting::default() },
        Setting { name: "3 identical repeats, n 150", n: 150, repeats: 3, identical: true, ..Setting::default() },
        Setting { name: "5 % missing", missing: 0.05, ..Setting::default() },
        Setting { name: "5 slice columns", slices: 5, ..Setting::default() },
    ]
}

fn share(count: usize, runs: usize) -> f64 {
    count as f64 / runs.max(1) as f64
}

/// Prints the table of the bars; slow, so it is asked for.
#[test]
#[ignore = "takes minutes; run it with --ignored --nocapture for the table"]
fn bars() {
    let runs = std::env::var("KARAT_SIMULATIONS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(2_000);
    let mut table =
        format!("{runs} runs a setting\n{:44} {:>9} {:>9} {:>11} {:>9}\n", "nothing changed", "REGRESSED", "PASS", "PASS, MDE ok", "mean MDE");
    let mut broken = Vec::new();
    // Three standard errors of the simulation itself.
    let slack = |rate: f64| 3.0 * (rate * (1.0 - rate) / runs as f64).sqrt();
    for setting in unchanged() {
        let tally = simulate(&setting, runs);
        let (alarms, sighted) = (share(tally.regressed, runs), share(tally.passed_sighted, tally.sighted));
        table += &format!("{:44} {alarms:9.3} {:9.3} {sighted:11.3} {:9.3}\n", setting.name, share(tally.passed, runs), tally.mde);
        if alarms > 0.06 + slack(0.06) || (tally.sighted * 10 > runs && sighted < 0.93 - slack(0.93) && setting.missing == 0.0) {
            broken.push(setting.name);
        }
    }
    table += &format!("{:44} {:>9} {:>9}\n", "a fall of the MDE that is printed", "caught", "fall");
    for setting in unchanged().into_iter().filter(|setting| setting.slices == 0 && setting.missing == 0.0) {
        let mde = simulate(&setting, (runs / 10).max(20)).mde;
        if mde >= setting.base {
            continue;
        }
        let caught = share(simulate(&Setting { fall: mde, ..setting.clone() }, runs).caught, runs);
        let few = !setting.clusters.is_empty() && setting.clusters.len() < 17;
        table += &format!("{:44} {caught:9.3} {mde:9.3}\n", setting.name);
        if caught < if few { 0.70 } else { 0.80 } - slack(0.75) {
            broken.push(setting.name);
        }
    }
    table += &format!("{:44} {:>9}\n", "prove: a fall of exactly the margin", "PASS");
    for n in [20, 50, 100, 200, 300] {
        let setting = Setting { name: "prove", n, fall: 0.05, base: 0.95, margin: Some(0.05), ..Setting::default() };
        let proven = share(simulate(&setting, runs).proven, runs);
        table += &format!("{:44} {proven:9.3}\n", format!("margin .05, n {n}"));
        if proven > 0.07 + slack(0.07) {
            broken.push("prove");
        }
    }
    table += &format!("{:44} {:>9}\n", ".80 to .02 in one of ten metrics", "REGRESSED");
    for (name, missing) in [("8 clusters", 0.0), ("8 clusters, 5 % missing", 0.05)] {
        let setting = Setting { name, clusters: vec![25; 8], icc: 0.3, fall: 0.78, missing, ..Setting::default() };
        let caught = share(simulate(&setting, runs).regressed, runs);
        table += &format!("{name:44} {caught:9.3}\n");
        if caught < 0.95 - slack(0.95) {
            broken.push(name);
        }
    }
    let (looked, too_bold) = looks_table(runs);
    table += &looked;
    broken.extend(too_bold);
    eprintln!("{table}");
    assert!(broken.is_empty(), "below the bar: {broken:?}\n{table}");
}

/// `extend`: eight looks at runs in which nothing changed, by the sequence and, to compare, by the fixed test; and what it catches when it may stop.
fn looks_table(runs: usize) -> (String, Vec<&'static str>) {
    const LOOKS: u32 = 8;
    let runs = (runs / 4).max(20);
    let slack = 3.0 * (0.06 * 0.94 / runs as f64).sqrt();
    let mut broken = Vec::new();
    let mut table = format!("{:44} {:>9} {:>9}   ({runs} runs)\n", "extend: 8 looks, nothing changed", "sequence", "fixed");
    for setting in unchanged().into_iter().filter(|setting| setting.slices == 0 && setting.repeats == 1) {
        let alarms = |on_inconclusive| share(simulate_looks(&setting, runs, LOOKS, &restless(on_inconclusive)).regressed, runs);
        let (sequence, fixed) = (alarms(OnInconclusive::Extend), alarms(OnInconclusive::Fail));
        table += &format!("{:44} {sequence:9.3} {fixed:9.3}\n", setting.name);
        if sequence > 0.06 + slack {
            broken.push(setting.name);
        }
    }
    table += &format!("{:44} {:>9} {:>9} {:>9}\n", "extend: n 60, one of ten metrics falls", "REGRESSED", "PASS", "repeats");
    for fall in [0.0, 0.1, 0.2, 0.3] {
        let setting = Setting { name: "extend", n: 60, fall, ..Setting::default() };
        let gate = GateSpec { on_inconclusive: OnInconclusive::Extend, ..GateSpec::default() };
        let looked = simulate_looks(&setting, runs, LOOKS, &gate);
        let (regressed, passed) = (share(looked.regressed, runs), share(looked.passed, runs));
        table += &format!("{:44} {regressed:9.3} {passed:9.3} {:9.1}\n", format!("a fall of {fall:.2}"), looked.repeats as f64 / runs as f64);
    }
    (table, broken)
}

/// Looking six times costs no more false alarms than looking once.
#[test]
fn looking_again_raises_no_false_alarms() {
    let setting = Setting { name: "six looks", n: 100, ..Setting::default() };
    let looked = simulate_looks(&setting, 60, 6, &restless(OnInconclusive::Extend));
    assert!(looked.regressed <= 9 && looked.repeats > 6 * 50, "{} false alarms in 60 runs, {} looks", looked.regressed, looked.repeats);
}

/// What every build holds: no more false alarms than promised, and a collapse is seen through few clusters.
#[test]
fn the_gate_keeps_its_promises_on_fewer_runs() {
    let quiet = simulate(&unchanged()[0], 100);
    assert!(quiet.regressed <= 14, "{} false alarms in 100 runs", quiet.regressed);
    let setting = Setting { name: "collapse", clusters: vec![25; 8], icc: 0.3, fall: 0.78, ..Setting::default() };
    assert!(simulate(&setting, 20).regressed >= 18);
}

#[test]
fn values_are_read() {
    assert!((quantile(0.8) - 0.8416).abs() < 1e-3);
    assert_eq!(Value::from(zipf(3, 11)), json!([6, 3, 2]));
}
