//! `is-html` and `contains-html`.

use std::sync::LazyLock;

use regex::Regex;

use crate::promptfoo::asserts::{Grade, Question};

/// `contains-html`: enough signs of HTML stand in the answer.
pub(super) fn contains_html(question: &Question<'_>) -> Grade {
    let text = question.output();
    let seen = |pattern: &Regex| pattern.is_match(text);
    let (opens, closes) = (seen(&SIGNS.opening), seen(&SIGNS.closing));
    let signs = [opens, closes, seen(&SIGNS.self_closing), seen(&SIGNS.entity), seen(&SIGNS.comment), seen(&SIGNS.attribute)];
    let strong = [seen(&SIGNS.doctype), seen(&SIGNS.known)];
    let weight = signs.iter().filter(|sign| **sign).count() + 2 * strong.iter().filter(|sign| **sign).count();
    Grade::pass((weight >= 2) != question.inverse, || format!("expected the answer {}to contain HTML", question.not()))
}

/// `is-html`: the answer is elements of HTML, with no text beside them.
pub(super) fn is_html(question: &Question<'_>) -> Grade {
    let fault = html_fault(question.output().trim());
    Grade::pass(fault.is_none() != question.inverse, || fault.unwrap_or("the answer is HTML").to_owned())
}

fn html_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("the answer is empty");
    }
    let lower = text.to_lowercase();
    if lower.starts_with("<?xml") {
        return Some("the answer is XML, not HTML");
    }
    let outline = Outline::of(&lower);
    if outline.has_bare_text && !outline.has_body {
        return Some("text stands outside of the elements");
    }
    (!outline.has_element).then_some("there is no element of HTML")
}

/// What a browser's parser would make of the text, roughly.
#[derive(Default)]
struct Outline {
    has_bare_text: bool,
    has_body: bool,
    has_element: bool,
}

impl Outline {
    fn of(text: &str) -> Self {
        let (mut outline, mut open, mut rest) = (Self::default(), Vec::<&str>::new(), text);
        while let Some(at) = rest.find('<') {
            outline.see_text(&rest[..at], &open);
            rest = &rest[at..];
            if let Some(comment) = rest.strip_prefix("<!--") {
                rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
                continue;
            }
            let Some(tag) = SIGNS.tag.captures(rest) else {
                let next = if rest.starts_with("<!") || rest.starts_with("<?") { rest.find('>').map_or(rest.len(), |end| end + 1) } else { 1 };
                if next == 1 {
                    outline.see_text("<", &open);
                }
                rest = &rest[next..];
                continue;
            };
            rest = &rest[tag[0].len()..];
            let (closing, name) = (!tag[1].is_empty(), tag.get(2).map_or("", |name| name.as_str()));
            if closing {
                if let Some(place) = open.iter().rposition(|known| *known == name) {
                    open.truncate(place);
                }
                continue;
            }
            outline.has_body |= name == "body";
            outline.has_element |= ELEMENTS.contains(&name) || name.contains('-');
            if !VOID.contains(&name) && !matches!(name, "html" | "head") {
                open.push(name);
            }
            // Scripts and styles hold no elements.
            if matches!(name, "script" | "style")
                && let Some(end) = rest.find(&format!("</{name}"))
            {
                rest = &rest[end..];
            }
        }
        outline.see_text(rest, &open);
        outline
    }

    fn see_text(&mut self, text: &str, open: &[&str]) {
        self.has_bare_text |= open.is_empty() && !text.trim().is_empty();
    }
}

struct Signs {
    opening: Regex,
    closing: Regex,
    self_closing: Regex,
    entity: Regex,
    comment: Regex,
    attribute: Regex,
    doctype: Regex,
    known: Regex,
    tag: Regex,
}

static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test compiles them")]
    let pattern = |text: &str| Regex::new(text).unwrap();
    Signs {
        opening: pattern(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s[^>]*)?>"),
        closing: pattern(r"</[a-zA-Z][a-zA-Z0-9-]*\s*>"),
        self_closing: pattern(r"<[a-zA-Z][a-zA-Z0-9-]*(?:\s[^>]*)?/>"),
        entity: pattern(r"&(?:[a-zA-Z]+|#[0-9]+|#x[0-9a-fA-F]+);"),
        comment: pattern(r"<!--[^-]*(?:-[^-]+)*-->"),
        attribute: pattern(r#"\s[a-zA-Z-]+=\s*["'][^"']*["']"#),
        doctype: pattern(r"(?i)<!DOCTYPE\s+html"),
        known: pattern(r"(?i)<(html|head|body|div|span|p|a|img|h[1-6]|ul|ol|li|table|tr|td|th|form|input|button|script|style|link|meta|br|hr)\b"),
        tag: pattern(r#"^<(/?)([a-z][^\s/>]*)(?:"[^"]*"|'[^']*'|[^>"'])*>"#),
    }
});

/// Elements without an end.
const VOID: [&str; 14] = ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];

/// Elements of HTML, as promptfoo lists them.
const ELEMENTS: [&str; 111] = [
    "html",
    "head",
    "body",
    "title",
    "base",
    "link",
    "meta",
    "style",
    "article",
    "section",
    "nav",
    "aside",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "footer",
    "address",
    "p",
    "hr",
    "pre",
    "blockquote",
    "ol",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "main",
    "div",
    "a",
    "em",
    "strong",
    "small",
    "s",
    "cite",
    "q",
    "dfn",
    "abbr",
    "ruby",
    "rt",
    "rp",
    "data",
    "time",
    "code",
    "var",
    "samp",
    "kbd",
    "sub",
    "sup",
    "i",
    "b",
    "u",
    "mark",
    "bdi",
    "bdo",
    "span",
    "br",
    "wbr",
    "img",
    "iframe",
    "embed",
    "object",
    "param",
    "picture",
    "source",
    "video",
    "audio",
    "track",
    "map",
    "area",
    "svg",
    "math",
    "script",
    "noscript",
    "canvas",
    "ins",
    "del",
    "table",
    "caption",
    "colgroup",
    "col",
    "tbody",
    "thead",
    "tfoot",
    "tr",
    "td",
    "th",
    "form",
    "label",
    "input",
    "button",
    "select",
    "datalist",
    "optgroup",
    "option",
    "textarea",
    "output",
    "progress",
    "meter",
    "fieldset",
    "legend",
    "details",
    "summary",
    "dialog",
    "menu",
];

#[cfg(test)]
mod tests {
    use super::html_fault;

    #[test]
    fn text_beside_elements_is_no_html() {
        for html in ["<p>a</p>", "<!DOCTYPE html><html><body>a</body></html>", "<div class=\"a>b\">x<br>y</div>", "<my-tag>x</my-tag>"] {
            assert_eq!(html_fault(html), None, "{html}");
        }
        for text in ["", "plain", "a <b>c</b>", "<p>a</p> tail", "<?xml version='1.0'?><p/>", "1 < 2", "<nonsense>x</nonsense>"] {
            assert!(html_fault(text).is_some(), "{text}");
        }
    }
}
