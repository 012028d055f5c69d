//! LLMBar replayed: a judge who says what GPT-4 and ChatGPT said gets their published accuracy and order agreement.
//!
//! The data is public and not committed; `KARAT_LLMBAR` names its directory (`natural/`, `gptinst/`, `neighbor/` with the dataset and a file of
//! verdicts a judge, of princeton-nlp/LLMBar). Without it the test says so and checks nothing.

use std::collections::HashMap;
use std::path::Path;

use evaluator::report::CaseReport;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply};
use crate::recipes::suite;

/// Set, judge, and per cent: accuracy in the first order and in the second, agreement of the two.
const PUBLISHED: [(&str, &str, f64, f64, f64); 6] = [
    ("natural", "gpt-4-metrics_reference", 95.0, 97.0, 96.0),
    ("gptinst", "gpt-4-metrics_reference", 87.0, 92.4, 90.2),
    ("neighbor", "gpt-4-metrics_reference", 85.8, 85.1, 94.8),
    ("natural", "chatgpt-vanilla", 80.0, 83.0, 71.0),
    ("gptinst", "chatgpt-vanilla", 27.2, 26.1, 62.0),
    ("neighbor", "chatgpt-vanilla", 22.4, 16.4, 71.6),
];

fn text<'a>(item: &'a Value, key: &str) -> &'a str {
    item[key].as_str().unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the judge said, by question and both answers in the order in which he saw them.
fn said(items: &[Value]) -> HashMap<(String, String, String), &'static str> {
    let mut said = HashMap::new();
    for item in items {
        let verdicts = item["results"].as_array().unwrap().last().unwrap();
        for (order, first, second) in [("swap = False", "output_1", "output_2"), ("swap = True", "output_2", "output_1")] {
            let place = match verdicts[order]["completion"][0].as_str().unwrap() {
                words if words.starts_with("Output (a)") => "first",
                words if words.starts_with("Output (b)") => "second",
                other => panic!("{other:?}"),
            };
            said.insert((escaped(text(item, "input")), escaped(text(item, first)), escaped(text(item, second))), place);
        }
    }
    said
}

/// The answer that won in each order, 1 or 2.
fn winners(case: &CaseReport) -> (u64, u64) {
    match case.scores[0].label.as_deref().unwrap() {
        "better" => (1, 1),
        "worse" => (2, 2),
        "prefers_first" => (1, 2),
        "prefers_second" => (2, 1),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn stored_verdicts_give_the_published_numbers() {
    let directory = std::env::var("KARAT_LLMBAR").unwrap_or_default();
    if !Path::new(&directory).join("natural/dataset.json").is_file() {
        eprintln!("SKIPPED: LLMBar is not here; name its directory in KARAT_LLMBAR to replay it");
        return;
    }
    for (set, judge, first, second, agreement) in PUBLISHED {
        let items: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(format!("{directory}/{set}/{judge}.json")).unwrap()).unwrap();
        let said = said(&items);
        let endpoint = Endpoint::start(move |_, seen| {
            let place = said[&(seen.tagged("question"), seen.tagged("first"), seen.tagged("second"))];
            Reply::Content(json!({"verdict": place, "reason": ""}).to_string())
        })
        .await;
        let rows: Vec<Value> = items
            .iter()
            .enumerate()
            .map(|(index, item)| json!({"id": format!("c{index}"), "question": item["input"], "answer": item["output_1"], "other": item["output_2"]}))
            .collect();
        let check = "check: judge_pairwise, rubric: rubric.txt, against: other, model: \"openai:chat:m\"";
        let mut workspace = suite(&endpoint.url, &rows, check);
        workspace.config.call_timeout_s = 30;
        let report = workspace.eval("suite.yaml").await.report.unwrap();
        let labels: Vec<u64> = items.iter().map(|item| item["label"].as_u64().unwrap()).collect();
        let n = labels.len() as f64;
        let percent = |count: usize| (1_000.0 * count as f64 / n).round() / 10.0;
        let right =
            |of: fn((u64, u64)) -> u64| percent(report.cases.iter().zip(&labels).filter(|(case, label)| of(winners(case)) == **label).count());
        assert_eq!((right(|(first, _)| first), right(|(_, second)| second)), (first, second), "{set} {judge}");
        assert_eq!((1_000.0 * (1.0 - report.judges[0].flips.unwrap())).round() / 10.0, agreement, "{set} {judge}");
        // A coin would agree half of the time: kappa says how much of the agreement is more than that.
        let class = |label: u64| usize::try_from(label - 1).unwrap();
        let winners: Vec<usize> = report.cases.iter().map(|case| class(winners(case).0)).collect();
        let kappa = measure::judge::cohen_kappa(&winners, &labels.iter().map(|label| class(*label)).collect::<Vec<_>>()).unwrap();
        eprintln!("LLMBar {set} {judge}: {first} % in the first order, {second} % in the second, {agreement} % agreement, kappa {kappa:.3}");
    }
}
