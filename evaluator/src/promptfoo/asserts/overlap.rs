//! Overlap with a reference: `levenshtein`, `rouge-n`, `bleu`, `gleu`.

use measure::text::rouge;

use crate::promptfoo::asserts::{Grade, Question};

/// `levenshtein`: at most so many edits; 5 where no threshold is given.
pub(super) fn levenshtein(question: &Question<'_>) -> Result<Grade, String> {
    let wanted = question.text()?;
    let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    let found = measure::text::levenshtein::distance(&units(question.output()), &units(wanted)) as f64;
    let threshold = question.threshold.unwrap_or(5.0);
    let pass = (found <= threshold) != question.inverse;
    Ok(Grade::pass(pass, || format!("{found} edits, the threshold is {threshold}")))
}

/// `rouge-n`: F1 over single words; passes from 0.75 on.
pub(super) fn rouge(question: &Question<'_>) -> Result<Grade, String> {
    let score = rouge::rouge_1_treebank(&question.output().to_lowercase(), &question.text()?.to_lowercase());
    Ok(Grade::score("rouge-n", score, question.threshold.unwrap_or(0.75), question.inverse))
}

/// `bleu`: passes from 0.5 on.
pub(super) fn bleu(question: &Question<'_>) -> Result<Grade, String> {
    let references = references(question)?;
    Ok(Grade::score("bleu", measure::text::bleu::promptfoo(question.output(), &references), question.threshold.unwrap_or(0.5), question.inverse))
}

/// `gleu`: passes from 0.5 on.
pub(super) fn gleu(question: &Question<'_>) -> Result<Grade, String> {
    let references = references(question)?;
    Ok(Grade::score("gleu", measure::text::gleu::promptfoo(question.output(), &references), question.threshold.unwrap_or(0.5), question.inverse))
}

fn references<'a>(question: &'a Question<'_>) -> Result<Vec<&'a str>, String> {
    let references = question.texts()?;
    if references.is_empty() { Err(format!("{} needs a reference", question.kind)) } else { Ok(references) }
}
