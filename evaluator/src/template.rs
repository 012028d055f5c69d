//! Text with `{{variables}}` in it.

use std::fmt::Write;

use serde_json::Value;

use crate::dataset::Vars;
use crate::error::Error;

/// Where `{{env.NAME}}` comes from; the binary hands in the process's environment.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// A text with variables, cut into its parts once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// A variable, and the keys into it: `{{ticket.priority}}`.
    Variable(Vec<String>),
}

impl Template {
    /// Cuts the text into parts and fills in `{{env.NAME}}` at once; a name that is not set is empty.
    pub(crate) fn parse(text: &str, env: Env<'_>) -> Result<Self, Error> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err(Error::config(format!("{{{{ without }}}} in {:?}", shorten(text))));
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(variable(name.trim(), env)?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Lists the variables that the text names.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(path) => path.first().map(String::as_str),
            Part::Text(_) => None,
        })
    }

    /// Fills in the variables; one that is missing or null is empty, lists and objects are written as JSON.
    pub(crate) fn render(&self, vars: &Vars) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Variable(path) => {
                    let value = path[1..].iter().fold(vars.get(&path[0]), |value, key| value.and_then(|value| value.get(key)));
                    // Writing to a String does not fail.
                    let _ = write!(text, "{}", value.map_or_else(String::new, show));
                }
            }
        }
        text
    }
}

/// Writes a value the way a prompt shows it: text as it is, the rest as JSON, null as nothing.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Fills in `{{env.NAME}}` in a setting that takes no other variable.
pub(crate) fn expand_env(text: &str, env: Env<'_>) -> Result<String, Error> {
    let template = Template::parse(text, env)?;
    if let Some(name) = template.variables().next() {
        return Err(Error::config(format!("{text:?} may hold {{{{env.NAME}}}} alone, not {{{{{name}}}}}")));
    }
    Ok(template.render(&Vars::new()))
}

fn variable(name: &str, env: Env<'_>) -> Result<Part, Error> {
    if let Some(name) = name.strip_prefix("env.") {
        return Ok(Part::Text(env(name).unwrap_or_default()));
    }
    let fits = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let path: Vec<String> = name.split('.').map(|key| key.trim().to_owned()).collect();
    if path.iter().all(|key| fits(key)) {
        return Ok(Part::Variable(path));
    }
    Err(Error::config(format!("{{{{{name}}}}} is no variable: write {{{{name}}}} or {{{{name.key}}}}; filters and code do not run here")))
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(text: &str) -> String {
        let vars: Vars = serde_json::from_value(json!({"name": "Ada", "n": 3, "none": null, "ticket": {"id": 7}, "list": ["a", 1]})).unwrap();
        Template::parse(text, &|name| (name == "HOST").then(|| "h".to_owned())).unwrap().render(&vars)
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(render("{{name}} {{ n }}{{none}}{{missing}} {{ticket.id}} {{list}}"), "Ada 3 7 [\"a\",1]");
        assert_eq!(render("http://{{env.HOST}}/{{env.UNSET}}"), "http://h/");
    }

    #[test]
    fn what_cannot_run_is_refused() {
        assert!(Template::parse("{{name | upper}}", &|_| None).is_err());
        assert!(Template::parse("{{name", &|_| None).is_err());
        assert!(expand_env("{{name}}", &|_| None).is_err());
    }
}
