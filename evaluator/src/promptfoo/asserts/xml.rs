//! `is-xml` and `contains-xml`.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::{Grade, Question};

/// `is-xml`: the answer is one well-formed document; `contains-xml`: one stands in it. Both may require elements.
pub(super) fn xml(question: &Question<'_>) -> Result<Grade, String> {
    let required = required(question.value)?;
    let fits = |paths: &Paths| required.iter().all(|path| paths.has(path));
    let holds = if question.kind == "is-xml" {
        document(question.output().trim_start_matches('\u{feff}')).is_some_and(|paths| fits(&paths))
    } else {
        fragments(question.output()).iter().any(fits)
    };
    Ok(Grade::pass(holds != question.inverse, || format!("expected the answer {}to be XML with {required:?}", question.not())))
}

/// Names of elements, as paths with dots.
fn required(value: Option<&Value>) -> Result<Vec<String>, String> {
    let list = |items: &Vec<Value>| items.iter().map(js::text).collect();
    match value {
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_)) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split(',').map(|name| name.trim().to_owned()).collect()),
        Some(Value::Array(items)) => Ok(list(items)),
        Some(Value::Object(fields)) if fields.is_empty() => Ok(Vec::new()),
        Some(Value::Object(fields)) => match fields.get("requiredElements") {
            Some(Value::Array(items)) => Ok(list(items)),
            _ => Err("an XML check takes names of elements as its value".to_owned()),
        },
    }
}

/// The paths of all elements of a document.
struct Paths(Vec<String>);

impl Paths {
    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|known| known == path)
    }
}

/// Reads a whole document; nothing where it is not well formed.
fn document(text: &str) -> Option<Paths> {
    if text.starts_with(|c: char| c.is_whitespace()) && text.trim_start().starts_with("<?xml") {
        return None;
    }
    let (paths, end) = element_from(text, 0, true)?;
    text[end..].trim().is_empty().then_some(paths)
}

/// Every element that stands in a text, outermost ones.
fn fragments(text: &str) -> Vec<Paths> {
    let (mut found, mut from) = (Vec::new(), 0);
    // A text of open brackets is given up on.
    for _ in 0..1_000 {
        let Some(start) = text[from..].find('<').map(|at| from + at) else { break };
        match element_from(text, start, false) {
            Some((paths, end)) => {
                found.push(paths);
                from = end;
            }
            None => from = start + 1,
        }
    }
    found
}

/// Reads from here to the end of the first element, and what may stand around it in a document.
fn element_from(text: &str, start: usize, whole: bool) -> Option<(Paths, usize)> {
    let mut reader = Reader::from_str(&text[start..]);
    reader.config_mut().check_end_names = true;
    let (mut paths, mut open, mut ended) = (Vec::new(), Vec::<String>::new(), false);
    loop {
        let at = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(_) | Event::Empty(_) if ended && whole => return None,
            Event::Start(tag) => {
                open.push(name_of(tag.name().as_ref())?);
                check_attributes(&tag)?;
                paths.push(open.join("."));
            }
            Event::Empty(tag) => {
                check_attributes(&tag)?;
                open.push(name_of(tag.name().as_ref())?);
                paths.push(open.join("."));
                open.pop();
                ended = open.is_empty();
            }
            Event::End(_) => {
                open.pop()?;
                ended = open.is_empty();
            }
            Event::Text(words) if open.is_empty() && whole && words.iter().all(u8::is_ascii_whitespace) => {}
            Event::Text(_) if open.is_empty() => return None,
            Event::Text(words) if !entities_are_known(std::str::from_utf8(&words).ok()?) => return None,
            Event::CData(_) | Event::GeneralRef(_) if open.is_empty() => return None,
            Event::GeneralRef(name) if !is_entity(std::str::from_utf8(&name).ok()?) => return None,
            Event::DocType(_) if !whole || !paths.is_empty() => return None,
            Event::Eof => return (ended && open.is_empty()).then(|| (Paths(paths), start + at)),
            _ => {}
        }
        if ended && !whole {
            let end = usize::try_from(reader.buffer_position()).ok()?;
            return Some((Paths(paths), start + end));
        }
    }
}

fn name_of(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let begins = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == ':');
    let goes_on = name.chars().all(|c| c.is_alphanumeric() || "_:.-·".contains(c));
    (begins && goes_on).then(|| name.to_owned())
}

/// Attributes have quoted values and differ in name.
fn check_attributes(tag: &quick_xml::events::BytesStart<'_>) -> Option<()> {
    tag.attributes().all(|attribute| attribute.is_ok_and(|attribute| !attribute.value.contains(&b'<'))).then_some(())
}

fn entities_are_known(text: &str) -> bool {
    text.split('&').skip(1).all(|rest| rest.split_once(';').is_some_and(|(name, _)| is_entity(name)))
}

fn is_entity(name: &str) -> bool {
    matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") || name.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::{document, fragments};

    #[test]
    fn documents_are_well_formed() {
        for xml in ["<a/>", "<?xml version=\"1.0\"?>\n<a x=\"1\"><b>t</b></a>\n", "<a>&amp;<!-- c --></a>"] {
            assert!(document(xml).is_some(), "{xml}");
        }
        for text in ["", "a", "<a>", "<a></b>", "<a/><b/>", "<a x=1/>", "x <a/>", "<a>&nope;</a>", "<1/>"] {
            assert!(document(text).is_none(), "{text}");
        }
        assert!(document("<a><b><c/></b></a>").unwrap().has("a.b.c"));
        assert_eq!(fragments("see <a>1</a> and <b/>, not <c>").len(), 2);
    }
}
