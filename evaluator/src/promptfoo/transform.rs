//! What is made of an answer before it is judged.

use std::time::Duration;

use serde_json::Value;

use crate::dataset::Vars;
use crate::js;
use crate::script;

/// A `transform`: a path that is walked here, or code for node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Transform {
    /// `output.items[0].name.trim()`, `JSON.parse(output).x`.
    Path(Vec<Part>),
    /// Anything else.
    Script(String),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    ParseJson,
    Key(String),
    Index(usize),
    Method(String),
}

/// Methods of texts without arguments that a path may end in.
const METHODS: [&str; 5] = ["trim", "toUpperCase", "toLowerCase", "trimStart", "trimEnd"];

impl Transform {
    /// Reads a transform; what comes from a file does not run.
    pub(crate) fn parse(code: &str) -> Result<Self, String> {
        if code.starts_with("file://") || code.starts_with("package:") {
            return Err(format!("the transform {code:?} is a file; write an expression"));
        }
        Ok(path(code.trim().trim_end_matches(';')).map_or_else(|| Transform::Script(code.to_owned()), Transform::Path))
    }

    /// Walks a path; code has to go through [`Transform::run`].
    pub(crate) fn apply(&self, output: &Value) -> Result<Value, String> {
        let Transform::Path(parts) = self else { return Err("this transform is code".to_owned()) };
        let mut value = output.clone();
        for part in parts {
            value = step(part, value)?;
        }
        if value.is_null() { Err("the transform returned nothing".to_owned()) } else { Ok(value) }
    }

    /// Walks a path, or hands the code to node.
    pub(crate) async fn run(&self, name: &str, output: &Value, vars: &Vars, limit: Duration) -> Result<Value, String> {
        match self {
            Transform::Path(_) => self.apply(output),
            Transform::Script(code) => script::transform(code, name, output, vars, limit).await,
        }
    }
}

fn step(part: &Part, value: Value) -> Result<Value, String> {
    Ok(match (part, value) {
        (Part::ParseJson, value) => serde_json::from_str(&js::text(&value)).map_err(|error| format!("the transform threw: {error}"))?,
        (Part::Key(key), Value::Object(mut fields)) => fields.remove(key).unwrap_or(Value::Null),
        (Part::Key(key), Value::String(text)) if key == "length" => text.encode_utf16().count().into(),
        (Part::Key(key), Value::Array(items)) if key == "length" => items.len().into(),
        (Part::Index(at), Value::Array(mut items)) if *at < items.len() => items.swap_remove(*at),
        (Part::Method(name), Value::String(text)) => Value::String(match name.as_str() {
            "trim" => text.trim().to_owned(),
            "trimStart" => text.trim_start().to_owned(),
            "trimEnd" => text.trim_end().to_owned(),
            "toUpperCase" => text.to_uppercase(),
            _ => text.to_lowercase(),
        }),
        (Part::Key(_) | Part::Index(_), Value::Null) => return Err("the transform threw: a key of nothing was read".to_owned()),
        (Part::Method(name), _) => return Err(format!("the transform threw: {name} is no function of this value")),
        (Part::Key(_) | Part::Index(_), _) => Value::Null,
    })
}

/// Reads `output`, `json` or `JSON.parse(output)` with keys, places and methods behind it; nothing for anything else.
fn path(code: &str) -> Option<Vec<Part>> {
    let (mut parts, mut rest) = match code.strip_prefix("JSON.parse(output)").or_else(|| code.strip_prefix("JSON.parse(text)")) {
        Some(rest) => (vec![Part::ParseJson], rest),
        None => (Vec::new(), code.strip_prefix("output").or_else(|| code.strip_prefix("json")).or_else(|| code.strip_prefix("text"))?),
    };
    while !rest.is_empty() {
        let (part, after) = if let Some(inside) = rest.strip_prefix('[') {
            let (inside, after) = inside.split_once(']')?;
            (bracket(inside)?, after)
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            match after.strip_prefix("()") {
                Some(after) if METHODS.contains(&name) => (Part::Method(name.to_owned()), after),
                _ if name.is_empty() || after.starts_with('(') => return None,
                _ => (Part::Key(name.to_owned()), after),
            }
        };
        parts.push(part);
        rest = after;
    }
    Some(parts)
}

fn bracket(inside: &str) -> Option<Part> {
    let quoted = ['"', '\''].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote));
    quoted.map(|key| Part::Key(key.to_owned())).or_else(|| inside.parse().ok().map(Part::Index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn apply(code: &str, output: &Value) -> Result<Value, String> {
        Transform::parse(code).unwrap().apply(output)
    }

    #[test]
    fn paths_are_walked_without_code() {
        assert_eq!(apply("JSON.parse(output).items[1]['name'].trim()", &json!(r#"{"items": [0, {"name": " x "}]}"#)), Ok(json!("x")));
        assert_eq!(apply("output.toUpperCase();", &json!("a")), Ok(json!("A")));
        assert_eq!(apply("output.length", &json!("aé")), Ok(json!(2)));
        assert!(apply("JSON.parse(output)", &json!("no")).is_err() && apply("output.missing", &json!({})).is_err());
        assert!(matches!(Transform::parse("output.split(',')[0]"), Ok(Transform::Script(_))));
        assert!(Transform::parse("file://x.js").is_err());
    }
}
