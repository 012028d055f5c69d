//! Renders a prompt the way promptfoo does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use serde_yaml_ng::Value as Yaml;

use crate::dataset::Vars;
use crate::js;
use crate::template::render;

/// Fills in a prompt, and returns it with the variables as assertions see them.
///
/// Variables lose one trailing newline and may name each other; a prompt that is JSON is filled in field by field and printed again.
pub(crate) fn render_prompt(raw: &str, vars: &Vars, env: &BTreeMap<String, String>) -> Result<(String, Vars), String> {
    let mut vars = vars.clone();
    for value in vars.values_mut() {
        if let Value::String(text) = value
            && text.ends_with('\n')
        {
            text.pop();
        }
    }
    resolve(&mut vars);
    if let Ok(parsed) = serde_json::from_str::<Yaml>(raw) {
        let filled = fill_in(&parsed, &vars, env);
        // As in promptfoo a template that fails inside of JSON makes it plain text.
        if let Ok(filled) = filled {
            return Ok((serde_json::to_string_pretty(&filled).map_err(|error| error.to_string())?, vars));
        }
    }
    let nested = |(key, value): (&String, &Value)| match value {
        Value::String(text) if names_known(text, &vars) => Ok((key.clone(), Value::String(render(&wrapped(text), &vars, env)?))),
        other => Ok((key.clone(), other.clone())),
    };
    let rendered = vars.iter().map(nested).collect::<Result<Vars, String>>()?;
    Ok((render(&wrapped(raw), &rendered, env)?, vars))
}

/// Puts variables into variables, one place a round, five rounds.
fn resolve(vars: &mut Vars) {
    for _ in 0..5 {
        let mut changed = false;
        for key in vars.keys().cloned().collect::<Vec<_>>() {
            let Some(Value::String(text)) = vars.get(&key) else { continue };
            let Some(found) = VARIABLE.captures(text) else { continue };
            let Some(value) = vars.get(&found[1]) else { continue };
            let replaced = text.replacen(&found[0], &js::text(value), 1);
            vars.insert(key, Value::String(replaced));
            changed = true;
        }
        if !changed {
            return;
        }
    }
}

/// Whether every variable that a text names is there; otherwise its braces are not for us.
fn names_known(text: &str, vars: &Vars) -> bool {
    ROOT.captures_iter(text).all(|found| &found[1] == "env" || vars.contains_key(&found[1]))
}

/// A text with a bracket that has no end is no template.
fn wrapped(text: &str) -> String {
    let open = text.lines().any(|line| {
        [("{%", '%'), ("{{", '}'), ("{#", '#')].iter().any(|(open, close)| line.rfind(open).is_some_and(|at| !line[at + 2..].contains(*close)))
    });
    if open && !text.contains("endraw") { format!("{{% raw %}}{text}{{% endraw %}}") } else { text.to_owned() }
}

/// Fills in the texts of a JSON value, whose keys keep their order.
fn fill_in(value: &Yaml, vars: &Vars, env: &BTreeMap<String, String>) -> Result<Yaml, String> {
    Ok(match value {
        Yaml::String(text) => Yaml::String(render(text, vars, env)?),
        Yaml::Sequence(items) => Yaml::Sequence(items.iter().map(|item| fill_in(item, vars, env)).collect::<Result<_, _>>()?),
        Yaml::Mapping(fields) => {
            let field = |(key, value): (&Yaml, &Yaml)| Ok::<_, String>((key.clone(), fill_in(value, vars, env)?));
            Yaml::Mapping(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        Yaml::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
                let whole = float as i64;
                whole.into()
            }
            _ => value.clone(),
        },
        other => other.clone(),
    })
}

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and a test compiles it")]
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{\s*(\w+)\s*\}\}").unwrap());
#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and a test compiles it")]
static ROOT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{\s*([A-Za-z_]\w*)").unwrap());

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(raw: &str, vars: &Value) -> String {
        render_prompt(raw, vars.as_object().unwrap(), &BTreeMap::new()).unwrap().0
    }

    #[test]
    fn prompts_are_filled_in_as_promptfoo_does() {
        assert_eq!(rendered("{{a}}!", &json!({"a": "x {{b}}\n", "b": "y"})), "x y!");
        assert_eq!(
            rendered(r#"[{"role": "user", "content": "{{a}}"}]"#, &json!({"a": "say \"x\""})),
            "[\n  {\n    \"role\": \"user\",\n    \"content\": \"say \\\"x\\\"\"\n  }\n]"
        );
        assert_eq!(rendered("{{a}}", &json!({"a": "{{nobody}}"})), "{{nobody}}");
        assert_eq!(rendered("open {{ bracket", &json!({})), "open {{ bracket");
    }
}
