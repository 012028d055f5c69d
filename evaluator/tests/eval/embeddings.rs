//! Texts as vectors: from endpoints of both kinds, and (feature `embeddings`) from a real model in process.

use std::sync::atomic::{AtomicUsize, Ordering};

use evaluator::Outcome;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Reply};
use crate::recipes::suite;
use crate::workspace::Workspace;

/// Vectors by a rule that a test can follow: the counts of three words.
fn vector(text: &str) -> Vec<f32> {
    ["refund", "boat", "tea"].iter().map(|word| text.to_lowercase().matches(word).count() as f32 + 0.01).collect()
}

fn rows() -> Vec<Value> {
    [("a", "Refund, refund!"), ("b", "A boat."), ("c", "")]
        .iter()
        .map(|(id, answer)| json!({"id": id, "question": "What about the refund?", "answer": answer, "reference": ["Tea.", "The refund."], "documents": ["The refund takes 5 days."]}))
        .collect()
}

fn values(report: &evaluator::Report) -> Vec<Option<f64>> {
    report.cases.iter().map(|case| case.scores[0].value.map(|value| (value * 1e3).round() / 1e3)).collect()
}

/// OpenAI's form, items out of order; each text is embedded once.
#[tokio::test]
async fn openai_endpoints_give_vectors() {
    let endpoint = Endpoint::start(|_, seen| {
        let body = seen.json();
        assert_eq!(body["model"], "e5");
        let items = body["input"].as_array().unwrap().iter().enumerate();
        let data: Vec<Value> =
            items.map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text.as_str().unwrap())})).collect();
        Reply::Body(json!({"object": "list", "data": data.into_iter().rev().collect::<Vec<_>>(), "model": "e5"}).to_string())
    })
    .await;
    let check = "check: semantic_similarity, reference: reference, model: \"openai:embedding:e5\"";
    let workspace = suite(&endpoint.url, &rows(), check);
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
    let found = values(&report);
    assert!(found[0].unwrap() > 0.99 && found[1].unwrap() < 0.1, "{found:?}");
    // Nothing said is as far away as can be, as it is for token_f1 and rouge.
    let empty = &report.cases[2].scores[0];
    assert_eq!((empty.outcome, empty.value, empty.reason.as_str()), (Outcome::Value, Some(0.0), "the answer is empty"));
    let texts: Vec<String> =
        endpoint.seen().iter().flat_map(|seen| seen.json()["input"].as_array().unwrap().clone()).map(|text| text.to_string()).collect();
    assert!(texts.len() <= 6, "{texts:?}");
}

/// text-embeddings-inference's form, and its faults: 429 is waited out, a vector too few is no score.
#[tokio::test]
async fn tei_gives_vectors() {
    let n_calls = AtomicUsize::new(0);
    let endpoint = Endpoint::start(move |_, seen| {
        if n_calls.fetch_add(1, Ordering::SeqCst) == 0 {
            return Reply::Status(429, None);
        }
        let vectors: Vec<Vec<f32>> = seen.json()["inputs"].as_array().unwrap().iter().map(|text| vector(text.as_str().unwrap())).collect();
        let broken = seen.body.contains("boat");
        Reply::Body(json!(vectors[usize::from(broken)..]).to_string())
    })
    .await;
    let base = endpoint.url.trim_end_matches("/v1");
    let mut workspace = suite(&endpoint.url, &rows(), &format!("check: answer_relevancy, model: \"tei:{base}\""));
    workspace.config.concurrency = 1;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    assert!(report.cases[0].scores[0].value.unwrap() > 0.99);
    assert_eq!((report.cases[1].scores[0].outcome, report.cases[1].scores[0].value), (Outcome::Failed, None));
}

/// Vectors of other lengths, of zeros and without numbers compare with nothing: that is no 0, and no 1 either.
#[tokio::test]
async fn vectors_that_cannot_be_compared_are_no_scores() {
    let endpoint = Endpoint::start(|_, seen| {
        let texts = seen.json()["inputs"].as_array().unwrap().clone();
        let vectors = texts.iter().map(|text| match text.as_str().unwrap() {
            "short" => json!([1.0, 0.0]),
            "zero" => json!([0.0, 0.0, 0.0]),
            "empty" => json!([]),
            "huge" => json!([1e39, 0.0, 0.0]),
            _ => json!([1.0, 0.0, 0.0]),
        });
        Reply::Body(json!(vectors.collect::<Vec<_>>()).to_string())
    })
    .await;
    let base = endpoint.url.trim_end_matches("/v1");
    let rows: Vec<Value> =
        ["fine", "short", "zero", "empty", "huge"].iter().map(|answer| json!({"id": answer, "question": "q", "answer": answer})).collect();
    let mut workspace = suite(&endpoint.url, &rows, &format!("check: answer_relevancy, model: \"tei:{base}\""));
    workspace.config.concurrency = 1;
    let report = Workspace::expect(workspace.eval("suite.yaml").await, 3);
    for case in &report.cases {
        let expect = if case.id == "fine" { (Outcome::Value, Some(1.0)) } else { (Outcome::Failed, None) };
        assert_eq!((case.scores[0].outcome, case.scores[0].value), expect, "{}: {}", case.id, case.scores[0].reason);
    }
}

#[cfg(feature = "embeddings")]
mod local {
    use super::*;
    use crate::workspace::root;

    /// The directory of the real model; nothing where it is not to be downloaded.
    fn model() -> Option<String> {
        if std::env::var("KARAT_SERVICE_TESTS").is_err() {
            eprintln!("SKIPPED: needs tests/services/minilm.sh; run with KARAT_SERVICE_TESTS=1 (it downloads 91 MB)");
            return None;
        }
        let output = std::process::Command::new("bash").arg(root().join("tests/services/minilm.sh")).arg("where").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        Some(said.trim().strip_prefix("DIR=").unwrap().to_owned())
    }

    /// all-MiniLM-L6-v2's vectors are the reference's within 1e-4 (`minilm.json`, from tests/services/minilm.sh reference: the model's equations in
    /// numpy and double precision, which is what sentence-transformers computes), also beside longer texts in one batch.
    #[tokio::test]
    async fn the_vectors_are_those_of_sentence_transformers() {
        let Some(directory) = model() else { return };
        let golden: Value = serde_json::from_str(include_str!("minilm.json")).unwrap();
        let texts: Vec<&str> = golden["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let found = evaluator::embed_locally(directory.as_ref(), &texts).await.unwrap();
        for (index, (found, expected)) in found.iter().zip(golden["vectors"].as_array().unwrap()).enumerate() {
            let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            let worst = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(found.len() == 384 && worst < 1e-4, "text {index}: {worst}");
        }
    }

    /// Other words with the same meaning and numbers carry a claim; the same words with another number do not.
    #[tokio::test]
    async fn claims_are_carried_by_meaning_and_numbers() {
        let Some(directory) = model() else { return };
        let row = |id: &str, answer: &str| json!({"id": id, "question": "q", "answer": answer, "documents": ["Refunds are paid out within 5 business days."]});
        let rows = [
            row("same", "You receive your refund within 5 business days."),
            row("number", "You receive your refund within 9 business days."),
            row("other", "The ferry leaves at noon."),
        ];
        let workspace = suite("http://127.0.0.1:9", &rows, &format!("check: claim_support, sources: documents, model: \"local:{directory}\""));
        let report = Workspace::expect(workspace.eval("suite.yaml").await, 0);
        assert_eq!(values(&report), [Some(1.0), Some(0.0), Some(0.0)]);
    }
}
