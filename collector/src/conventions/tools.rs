//! Brings definitions of tools to one shape: `{type, name, description, parameters}`.

use serde_json::{Map, Value, json};

use super::value::{first, opened};

/// Reads a list of tools in any shape; nothing if there is no tool in it.
pub(super) fn definitions(value: &Value) -> Option<Value> {
    let mut out = Vec::new();
    gather(&opened(value), &mut out, 0);
    (!out.is_empty()).then_some(Value::Array(out))
}

fn gather(value: &Value, out: &mut Vec<Value>, depth: usize) {
    if depth > 4 || out.len() > 1000 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(&opened(item), out, depth + 1)),
        Value::String(name) if depth == 1 && !name.is_empty() && name.len() <= 128 && !name.contains(char::is_whitespace) => {
            out.push(json!({"type": "function", "name": name}));
        }
        Value::Object(map) => {
            for key in ["function_tools", "tools", "functionDeclarations", "function_declarations"] {
                if let Some(inner @ Value::Array(_)) = map.get(key) {
                    return gather(inner, out, depth + 1);
                }
            }
            for key in ["tool", "function", "toolSpec", "json_schema", "data"] {
                if let Some(inner) = map.get(key).filter(|_| !map.contains_key("name"))
                    && matches!(inner, Value::Object(_) | Value::String(_))
                {
                    return gather(&opened(inner), out, depth + 1);
                }
            }
            out.extend(one(map));
        }
        _ => {}
    }
}

fn one(map: &Map<String, Value>) -> Option<Value> {
    let name = first(map, &["name", "title"])?;
    let mut tool = Map::new();
    let kind = map.get("type").and_then(Value::as_str).filter(|kind| *kind != "object").unwrap_or("function");
    tool.insert("type".into(), kind.into());
    tool.insert("name".into(), name.clone());
    if let Some(description) = map.get("description").filter(|text| text.is_string()) {
        tool.insert("description".into(), description.clone());
    }
    let parameters = first(map, &["parameters", "input_schema", "inputSchema", "parameters_json_schema", "parametersJsonSchema", "args", "schema"]);
    let parameters = parameters.map(|found| opened(found).into_owned()).map(|found| match found {
        Value::Object(inner) if inner.len() == 1 && inner.contains_key("json") => inner["json"].clone(),
        other => other,
    });
    if let Some(parameters) = parameters {
        tool.insert("parameters".into(), parameters);
    }
    Some(Value::Object(tool))
}
