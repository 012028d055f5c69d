//! A verdict weighed by the probabilities of its token, instead of the token alone.

use crate::chat::Token;

/// What the model could have said in the verdict's place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    /// Probability of each verdict, in the order of the names.
    pub probabilities: Vec<f64>,
}

impl Weighed {
    /// Reads the alternatives at the token with which the value of `key` begins: an alternative counts for the one name that it can be the
    /// beginning of, or that it holds whole.
    pub(super) fn of(tokens: &[Token], key: &str, names: &[&str]) -> Option<Self> {
        let text: String = tokens.iter().map(|token| token.text.as_str()).collect();
        let begin = value_begin(&text, key)?;
        let mut end = 0;
        let (token, before) = tokens.iter().find_map(|token| {
            let start = end;
            end += token.text.len();
            (end > begin).then(|| (token, begin - start))
        })?;
        let before = token.text.get(..before)?;
        let mut probabilities = vec![0.0; names.len()];
        for (alternative, log_prob) in &token.top {
            if let Some(place) = alternative.strip_prefix(before).and_then(|rest| the_one(rest, names)) {
                probabilities[place] += log_prob.exp();
            }
        }
        Some(Self { probabilities })
    }

    /// Probability that the model gave to all verdicts together.
    pub(super) fn mass(&self) -> f64 {
        self.probabilities.iter().sum()
    }

    /// `Σ v·p / Σ p` over the verdicts that have a value; nothing where abstaining is likelier than all of them.
    pub(super) fn mean(&self, values: &[Option<f64>]) -> Option<f64> {
        let valued = || self.probabilities.iter().zip(values).filter_map(|(p, value)| Some((p, (*value)?)));
        let weight: f64 = valued().map(|(p, _)| p).sum();
        (weight > 0.0 && weight >= self.mass() / 2.0).then(|| valued().map(|(p, value)| p * value).sum::<f64>() / weight)
    }
}

/// Where the text of a key's value begins, behind its quotation mark.
fn value_begin(text: &str, key: &str) -> Option<usize> {
    let key = format!("\"{key}\"");
    let after_key = text.find(&key)? + key.len();
    let rest = text.get(after_key..)?;
    let colon = rest.len() - rest.trim_start().strip_prefix(':')?.len();
    let rest = text.get(after_key + colon..)?;
    let quote = rest.len() - rest.trim_start().strip_prefix('"')?.len();
    Some(after_key + colon + quote)
}

/// The only name that a beginning can become.
fn the_one(begin: &str, names: &[&str]) -> Option<usize> {
    let could_be = |name: &str| match begin.split_once('"') {
        Some((whole, _)) => whole == name,
        None => !begin.is_empty() && name.starts_with(begin),
    };
    let mut found = names.iter().enumerate().filter(|(_, name)| could_be(name)).map(|(place, _)| place);
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str, top: &[(&str, f64)]) -> Token {
        Token { text: text.to_owned(), log_prob: 0.0, top: top.iter().map(|(text, p)| ((*text).to_owned(), p.ln())).collect() }
    }

    const NAMES: [&str; 3] = ["relevant", "irrelevant", "unclear"];
    const VALUES: [Option<f64>; 3] = [Some(1.0), Some(0.0), None];

    #[track_caller]
    fn check(tokens: &[Token], mass: f64, mean: Option<f64>) {
        let weighed = Weighed::of(tokens, "verdict", &NAMES).unwrap();
        assert!((weighed.mass() - mass).abs() < 1e-12, "{weighed:?}");
        match (weighed.mean(&VALUES), mean) {
            (Some(found), Some(mean)) => assert!((found - mean).abs() < 1e-12, "{found}"),
            (found, mean) => assert_eq!(found, mean),
        }
    }

    #[test]
    fn alternatives_count_for_the_verdict_that_they_begin() {
        let verdict = token("rele", &[("rele", 0.6), ("irr", 0.2), ("rel", 0.1), ("un", 0.05), ("good", 0.05)]);
        check(&[token("{\"verdict\": \"", &[]), verdict.clone(), token("vant\"}", &[])], 0.95, Some(0.7 / 0.9));
        // The same where the quotation mark belongs to the token.
        let verdict = token(" \"rele", &[(" \"rele", 0.6), (" \"irrelevant\"", 0.2), ("\n", 0.2)]);
        check(&[token("{\"verdict\":", &[]), verdict, token("vant\"}", &[])], 0.8, Some(0.75));
    }

    #[test]
    fn likely_abstention_is_no_value() {
        check(&[token("{\"verdict\":\"", &[]), token("un", &[("un", 0.7), ("rel", 0.2)])], 0.9, None);
    }

    #[test]
    fn what_could_be_two_verdicts_is_neither() {
        let weighed =
            Weighed::of(&[token("{\"verdict\":\"", &[]), token("p", &[("p", 0.9), ("poor", 0.1)])], "verdict", &["partly", "poor"]).unwrap();
        assert_eq!(weighed.probabilities, [0.0, 0.1_f64.ln().exp()]);
    }

    #[test]
    fn text_without_the_key_has_no_weights() {
        assert_eq!(Weighed::of(&[token("good", &[])], "verdict", &NAMES), None);
        assert_eq!(Weighed::of(&[token("{\"verdict\": 3}", &[])], "verdict", &NAMES), None);
    }
}
