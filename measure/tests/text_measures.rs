//! Measures of text against their reference implementations; `text_golden.json` names their versions.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use measure::text::{
    Stemming, bleu, chrf, gleu, hamming_similarity, jaro, jaro_winkler, levenshtein_similarity, rouge_l, rouge_l_sum, rouge_n, sentence_bleu, ter,
};
use serde_json::Value;

#[test]
fn measures_agree_with_their_references() {
    let golden: Value = serde_json::from_str(include_str!("text_golden.json")).unwrap();
    let mut wrong = Vec::new();
    for pair in golden["pairs"].as_array().unwrap() {
        let (answer, reference) = (pair["answer"].as_str().unwrap(), pair["reference"].as_str().unwrap());
        let mut check = |name: &str, found: f64, expected: &Value| {
            if let Some(expected) = expected.as_f64()
                && (found - expected).abs() > 1e-9 * expected.abs().max(1.0)
            {
                wrong.push(format!("{name} of {answer:?}: {found}, the reference says {expected}"));
            }
        };
        for (key, stemming) in [("rouge_stem", Stemming::Porter), ("rouge", Stemming::Off)] {
            check("rouge1", rouge_n(answer, reference, 1, stemming).f1, &pair[key][0]);
            check("rouge2", rouge_n(answer, reference, 2, stemming).f1, &pair[key][1]);
            check("rougeL", rouge_l(answer, reference, stemming).f1, &pair[key][2]);
            check("rougeLsum", rouge_l_sum(answer, reference, stemming).f1, &pair[key][3]);
        }
        check("bleu", sentence_bleu(answer, &[reference]), &pair["bleu"]);
        check("ter", ter(answer, &[reference]), &pair["ter"]);
        check("chrf", chrf(answer, &[reference]), &pair["chrf"]);
        check("nltk bleu", bleu::nltk_method1(answer, &[reference]), &pair["nltk_bleu"]);
        check("gleu", gleu(answer, &[reference]), &pair["gleu"]);
        check("levenshtein", levenshtein_similarity(answer, reference), &pair["levenshtein"]);
        check("jaro", jaro(answer, reference), &pair["jaro"]);
        check("jaro-winkler", jaro_winkler(answer, reference), &pair["jaro_winkler"]);
        check("hamming", hamming_similarity(answer, reference), &pair["hamming"]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sentences whose phrases were moved, some of them longer than the beam of the edit distance: ties between shifts fall as in sacrebleu.
#[test]
fn shifts_are_found_as_sacrebleu_finds_them() {
    let golden: Value = serde_json::from_str(include_str!("text_golden.json")).unwrap();
    for row in golden["ter"].as_array().unwrap() {
        let (answer, reference) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let found = ter(answer, &[reference]);
        assert!((found - row[2].as_f64().unwrap()).abs() < 1e-9, "{answer:?} from {reference:?}: {found}, sacrebleu says {}", row[2]);
    }
}
