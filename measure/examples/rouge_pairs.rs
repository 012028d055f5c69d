//! How many pairs of texts a second one core compares by ROUGE-L with stems; `benches/evaluator.sh` asks rouge-score the same of the same pairs.
//!
//! `cargo run --release -p karat-measure --example rouge_pairs -- <pairs.jsonl> [passes]`: a line is `{"answer": ..., "reference": ...}`. Prints a JSON line
//! with the rate and the sum of the F measures, by which the two are seen to have done the same work.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement for the terminal")]

use std::time::Instant;

use measure::text::{Stemming, rouge_l};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = std::fs::read_to_string(arguments.next().expect("the file with the pairs")).unwrap();
    let passes = arguments.next().map_or(20, |text| text.parse::<u32>().unwrap());
    let pairs: Vec<serde_json::Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|pair| (pair["answer"].as_str().unwrap(), pair["reference"].as_str().unwrap())).collect();
    let mut rates = Vec::new();
    let mut sum = 0.0;
    for _ in 0..passes {
        let began = Instant::now();
        sum = pairs.iter().map(|(answer, reference)| rouge_l(answer, reference, Stemming::Porter).f1).sum();
        rates.push(pairs.len() as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!(r#"{{"what":"ROUGE-L with stems, one core","pairs":{},"pairs_per_s":{:.0},"sum_of_f":{sum:.9}}}"#, pairs.len(), rates[rates.len() / 2]);
}
