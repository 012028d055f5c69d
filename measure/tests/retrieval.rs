//! Measures of ranked lists: the golden values, and trec_eval's own test collection where it lies.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use measure::retrieval::{Gain, average_precision, bpref, ndcg, precision, r_precision, ranking, recall, reciprocal_rank};

#[test]
fn ndcg_has_both_gains() {
    let grades = [3.0, 2.0, 3.0, 0.0, 1.0, 2.0];
    assert!((ndcg(&grades, &grades, 6, Gain::Linear) - 0.9608081943360617).abs() < 1e-12);
    assert!((ndcg(&grades, &grades, 6, Gain::Exponential) - 0.9488107485678985).abs() < 1e-12);
}

/// Scores are kept as 32-bit floats: .9000000001 ties with .9, and then the later id goes first.
#[test]
fn ties_are_broken_as_in_trec_eval() {
    assert_eq!(ranking(&[("a", 0.900_000_000_1), ("b", 0.9), ("c", 1.0)]), ["c", "b", "a"]);
}

/// `out.test.aq` is what trec_eval says of `results.test`, question by question and over all.
#[test]
fn figures_are_trec_evals() {
    let Some(folder) = std::env::var_os("KARAT_TREC_EVAL").map(PathBuf::from) else {
        eprintln!("SKIPPED: needs trec_eval's test/ folder (usnistgov/trec_eval); name it in KARAT_TREC_EVAL");
        return;
    };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let mut judged: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for line in read("qrels.test").lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        judged.entry(fields[0].to_owned()).or_default().insert(fields[2].to_owned(), fields[3].parse().unwrap());
    }
    let mut retrieved: BTreeMap<String, Vec<(String, f64)>> = BTreeMap::new();
    for line in read("results.test").lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        retrieved.entry(fields[0].to_owned()).or_default().push((fields[2].to_owned(), fields[4].parse().unwrap()));
    }
    let mut n_checked = 0;
    for (question, documents) in &retrieved {
        let known = &judged[question];
        let scored: Vec<(&str, f64)> = documents.iter().map(|(id, score)| (id.as_str(), *score)).collect();
        let order = ranking(&scored);
        let opinions: Vec<Option<f64>> = order.iter().map(|id| known.get(*id).copied()).collect();
        let grades: Vec<f64> = opinions.iter().map(|grade| grade.unwrap_or(0.0)).collect();
        let n_relevant = known.values().filter(|grade| **grade > 0.0).count();
        let all: Vec<f64> = known.values().copied().collect();
        for line in read("out.test.aq").lines().filter(|line| line.split_whitespace().nth(1) == Some(question)) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let k = || fields[0].rsplit('_').next().unwrap().parse::<usize>().unwrap();
            let found = match fields[0] {
                "map" => average_precision(&grades, n_relevant),
                "Rprec" => r_precision(&grades, n_relevant),
                "bpref" => bpref(&opinions, n_relevant, known.len() - n_relevant),
                "recip_rank" => reciprocal_rank(&grades),
                "ndcg" => ndcg(&grades, &all, grades.len(), Gain::Linear),
                name if name.starts_with("P_") => precision(&grades, k()),
                name if name.starts_with("recall_") => recall(&grades, n_relevant, k()),
                name if name.starts_with("ndcg_cut_") => ndcg(&grades, &all, k(), Gain::Linear),
                _ => continue,
            };
            let expected: f64 = fields[2].parse().unwrap();
            assert!((found - expected).abs() <= 0.5e-4 + 1e-9, "{} of {question}: {found}, trec_eval says {expected}", fields[0]);
            n_checked += 1;
        }
    }
    assert!(n_checked >= 30, "only {n_checked} figures were compared");
}
