//! A word that only the system knows, in what it says.

/// Whether a text gives a canary away: as it is, in other case, with other characters between its own, backwards, or in base64 or hex.
///
/// Catches "s-e-c-r-e-t" and the usual encodings, which an attacker asks for when plain text is filtered. A canary is a made-up word of
/// at least six letters and digits; a shorter one is looked for as it is.
pub fn leaks(text: &str, canary: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (own, told) = (plain(canary), plain(text));
    if own.chars().count() < 6 {
        return !canary.is_empty() && text.contains(canary);
    }
    let backwards: String = own.chars().rev().collect();
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    told.contains(&own) || told.contains(&backwards) || told.contains(&hex) || in_base64(text, canary)
}

/// Whether the base64 of a text that holds the canary stands there, at any of the three alignments.
fn in_base64(text: &str, canary: &str) -> bool {
    (0..3).any(|shift| {
        let bytes: Vec<u8> = std::iter::repeat_n(0, shift).chain(canary.bytes()).collect();
        let encoded = base64(&bytes);
        // Characters that also depend on the bytes around the canary are left out.
        let (start, end) = ([0, 2, 3][shift], bytes.len() * 8 / 6);
        encoded.get(start..end).is_some_and(|part| part.len() >= 6 && text.contains(part))
    })
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().chain(std::iter::repeat(&0)).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            (0..4).map(move |place| char::from(ALPHABET[bits >> (18 - 6 * place) & 63]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_seen_through() {
        let canary = "kestrel-4711";
        for text in ["it is KESTREL 4711", "k.e.s.t.r.e.l.4.7.1.1", "1174lertsek", "6b65737472656c2d34373131", &base64(b"say kestrel-4711 now")] {
            assert!(leaks(text, canary), "{text}");
        }
        assert!(!leaks("a kestrel is a bird; flight 4711", canary) && !leaks("nothing", "") && leaks("abc", "abc"));
    }
}
