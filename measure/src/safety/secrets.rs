//! Keys and passwords, found by their prefix and by how random they are.

/// A secret in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// What it seems to be.
    pub kind: &'static str,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// Prefixes of keys that services give out, with the fewest characters that follow.
const PREFIXES: [(&str, &str, usize); 13] = [
    ("AKIA", "aws access key", 16),
    ("ASIA", "aws access key", 16),
    ("ghp_", "github token", 30),
    ("gho_", "github token", 30),
    ("github_pat_", "github token", 30),
    ("glpat-", "gitlab token", 18),
    ("xoxb-", "slack token", 20),
    ("xoxp-", "slack token", 20),
    ("sk-ant-", "anthropic key", 20),
    ("sk-", "api key", 20),
    ("sk_live_", "stripe key", 16),
    ("AIza", "google key", 30),
    ("hf_", "hugging face token", 30),
];

/// Bits of a character from which on a key counts as random; English words have about 2.5 to 3.
const ENTROPY_MIN: f64 = 3.0;

/// Finds keys by prefix and entropy, private keys in PEM, and JSON web tokens.
///
/// A placeholder such as `sk-xxxxxxxxxxxxxxxxxxxxxxxx` has no entropy and is not found.
pub fn find_secrets(text: &str) -> Vec<Secret> {
    let mut found = pem(text);
    for (start, end) in tokens(text) {
        let token = &text[start..end];
        let prefixed = PREFIXES
            .iter()
            .find(|(prefix, _, least)| token.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *least && entropy(rest) >= ENTROPY_MIN));
        if let Some((_, kind, _)) = prefixed {
            found.push(Secret { kind, start, end });
        } else if is_jwt(token) {
            found.push(Secret { kind: "json web token", start, end });
        }
    }
    found.sort_by_key(|secret| secret.start);
    found
}

fn pem(text: &str) -> Vec<Secret> {
    let begins = text.match_indices("-----BEGIN ");
    let private = begins.filter(|(start, _)| text[*start..].lines().next().is_some_and(|line| line.contains("PRIVATE KEY-----")));
    private
        .map(|(start, _)| Secret { kind: "private key", start, end: text[start..].find("-----END").map_or(text.len(), |length| start + length) })
        .collect()
}

/// Runs of characters that keys are made of.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-.+/=".contains(c);
    let (mut found, mut start) = (Vec::new(), None);
    for (at, c) in text.char_indices().chain(std::iter::once((text.len(), ' '))) {
        match (part(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                // `KEY=value`: the value is the token.
                let from = text[from..at].find('=').filter(|place| from + place + 1 < at).map_or(from, |place| from + place + 1);
                found.push((from, from + text[from..at].trim_end_matches(['.', '=', '-']).len()));
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn is_jwt(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    parts.len() == 3 && parts[0].starts_with("eyJ") && parts[1].starts_with("eyJ") && parts.iter().all(|part| part.len() >= 10)
}

/// Shannon entropy of the characters, in bits.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let share = |count: &u32| f64::from(*count) / text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_are_found_and_placeholders_are_not() {
        let kinds = |text: &str| find_secrets(text).iter().map(|secret| secret.kind).collect::<Vec<_>>();
        let key = ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat();
        assert_eq!(kinds(&format!("token={key}.")), ["github token"]);
        assert_eq!(kinds(&["-----BEGIN RSA", " PRIVATE KEY-----\nMIIE\n-----END RSA"].concat()), ["private key"]);
        assert_eq!(kinds(&["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0In0", ".dozjgNryP4J3jVmN"].concat()), ["json web token"]);
        assert!(kinds("use sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx or sk-your-key, see ghp_ docs").is_empty());
    }
}
