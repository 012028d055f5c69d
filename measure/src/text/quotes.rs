//! Quotations in an answer, and whether its sources hold them.

/// The quoted spans of a text that are at least `words_min` words long, without their quotation marks.
///
/// Straight and curly double quotes and guillemets count; apostrophes do not, which peers take for quotes.
pub fn quoted_spans(text: &str, words_min: usize) -> Vec<&str> {
    const MARKS: [(char, char); 4] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»')];
    let (mut spans, mut from) = (Vec::new(), 0);
    while let Some((at, (open, close))) =
        text[from..].char_indices().find_map(|(at, c)| Some((from + at, *MARKS.iter().find(|(open, _)| *open == c)?)))
    {
        let inside = at + open.len_utf8();
        let Some(length) = text[inside..].find(close) else {
            from = inside;
            continue;
        };
        let span = text[inside..inside + length].trim();
        if span.split_whitespace().count() >= words_min.max(1) {
            spans.push(span);
        }
        from = inside + length + close.len_utf8();
    }
    spans
}

/// Whether a span stands in a source, word by word: white space, case and the kind of quotation marks do not matter, nor a final dot or comma.
pub fn is_quoted_from(span: &str, source: &str) -> bool {
    let plain =
        |text: &str| text.to_lowercase().replace(['’', '‘'], "'").replace(['“', '”', '„'], "\"").split_whitespace().collect::<Vec<_>>().join(" ");
    let span = plain(span);
    plain(source).contains(span.trim_end_matches(['.', ',', ';', '…']))
}

/// The share of quoted spans that stand in a source, `0.0..=1.0`; nothing where nothing is quoted.
pub fn quote_support<S: AsRef<str>>(answer: &str, sources: &[S], words_min: usize) -> Option<f64> {
    let spans = quoted_spans(answer, words_min);
    let held = spans.iter().filter(|span| sources.iter().any(|source| is_quoted_from(span, source.as_ref()))).count();
    (!spans.is_empty()).then(|| held as f64 / spans.len() as f64)
}

/// The ids in square brackets that an answer cites, such as `[kb-7]` or `[1, 2]`, in order.
pub fn citations(text: &str) -> Vec<&str> {
    let inside = text.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    // `[text](url)` is a link of Markdown.
    let ids = inside.filter(|(_, after)| !after.starts_with('(')).flat_map(|(inside, _)| inside.split([',', ';']));
    ids.map(str::trim).filter(|id| !id.is_empty() && !id.contains(char::is_whitespace)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apostrophes_are_no_quotes() {
        assert!(quoted_spans("don't say it's so", 1).is_empty());
        assert_eq!(quoted_spans("He said “see page two” and \"no\".", 2), ["see page two"]);
        assert_eq!(quote_support("It says \"Keep  calm.\" and \"run away\"", &["Please keep calm, all."], 2), Some(0.5));
        assert_eq!(quote_support("nothing quoted", &["x"], 1), None);
    }

    #[test]
    fn citations_are_ids_in_brackets() {
        assert_eq!(citations("Yes [kb-1, kb-2]. See [docs](http://x) and [3]."), ["kb-1", "kb-2", "3"]);
    }
}
