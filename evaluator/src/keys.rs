//! Names the nearest right key for a wrong one.

use measure::text::levenshtein;

/// Finds the known name that a wrong one was probably meant to be.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let wrong = plain(wrong);
    known
        .into_iter()
        .map(|name| (levenshtein(&wrong, &plain(name)), name))
        .filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `unknown check "contians"; did you mean "contains"?`, or what there is to choose from.
pub(crate) fn unknown(what: &str, wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(right) => format!("unknown {what} {wrong:?}; did you mean {right:?}?"),
        None => format!("unknown {what} {wrong:?}; there is {}", known.join(", ")),
    }
}

/// Turns serde's message about an unknown key into one that names the nearest right key.
pub(crate) fn explain(error: &serde_yaml_ng::Error) -> String {
    explain_message(&error.to_string())
}

/// The same for the message of any of serde's formats.
pub(crate) fn explain_message(message: &str) -> String {
    let place = message.rfind(" at line ").map_or("", |at| &message[at..]);
    let told = message.strip_suffix(place).unwrap_or(message);
    for (marker, what) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        if let Some((path, rest)) = told.split_once(marker) {
            let mut names = rest.split('`').step_by(2);
            let wrong = rest.split('`').next().unwrap_or_default();
            let known: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
            names.next();
            return format!("{path}{}{place}", unknown(what, wrong, &known));
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parser is looked at")]
    struct Sample {
        dataset: String,
        providers: Option<String>,
    }

    #[test]
    fn names_the_nearest_key_and_the_place() {
        let error = serde_yaml_ng::from_str::<Sample>("dataset: a\nprovider: b\n").unwrap_err();
        assert_eq!(explain(&error), "unknown key \"provider\"; did you mean \"providers\"? at line 2 column 1");
    }

    #[test]
    fn lists_what_there_is_when_nothing_is_near() {
        assert_eq!(unknown("check", "frobnicate", &["equals", "regex"]), "unknown check \"frobnicate\"; there is equals, regex");
        assert_eq!(nearest("contains_json", ["contains", "contains-json"]), Some("contains-json"));
    }
}
