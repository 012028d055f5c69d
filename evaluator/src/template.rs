//! Text with `{{variables}}`, `{% if %}` and filters in it, in nunjucks' language.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value as Jinja, ValueKind};
use minijinja::{Environment, ErrorKind as JinjaKind, UndefinedBehavior};
use serde_json::Value;

use crate::dataset::Vars;
use crate::error::Error;
use crate::{js, nunjucks};

/// Where `{{env.NAME}}` comes from; the binary hands in the process's environment.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// A text with variables, known to be one that can be rendered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    text: String,
    /// Values of the environment variables that the text names.
    env: BTreeMap<String, String>,
    /// Variables that the text names, `env` aside.
    variables: Vec<String>,
}

impl Template {
    /// Reads the text and fills in `{{env.NAME}}` at once; a name that is not set is empty.
    pub(crate) fn parse(text: &str, env: Env<'_>) -> Result<Self, Error> {
        if !is_template(text) {
            return Ok(Self { text: text.to_owned(), env: BTreeMap::new(), variables: Vec::new() });
        }
        let run = nunjucks::rewritten(text).map_err(|why| Error::config(unrendered(&why, text)))?;
        let template = ENGINE.template_from_str(&run).map_err(|error| Error::config(said(&error, text)))?;
        let named = template.undeclared_variables(true);
        let mut variables: Vec<String> = named.iter().map(|path| path.split('.').next().unwrap_or(path).to_owned()).collect();
        variables.sort();
        variables.dedup();
        variables.retain(|name| name != "env" && name != "range" && name != "namespace" && name != "dict");
        let value = |path: &String| {
            let name = path.strip_prefix("env.")?.split('.').next()?;
            Some((name.to_owned(), env(name).unwrap_or_default()))
        };
        Ok(Self { text: text.to_owned(), env: named.iter().filter_map(value).collect(), variables })
    }

    /// A text that stays as it is, whatever brackets stand in it.
    pub(crate) fn verbatim(text: &str) -> Self {
        Self { text: format!("{{% raw %}}{text}{{% endraw %}}"), env: BTreeMap::new(), variables: Vec::new() }
    }

    /// Lists the variables that the text names.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// Values of the environment variables that the text names.
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The text with its variables.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Fills in the variables; one that is missing or null is empty, objects are written as JSON.
    pub(crate) fn render(&self, vars: &Vars) -> Result<String, String> {
        if !is_template(&self.text) {
            return Ok(self.text.clone());
        }
        render(&self.text, vars, &self.env)
    }
}

/// Renders a text that no template was made of before.
pub(crate) fn render(text: &str, vars: &Vars, env: &BTreeMap<String, String>) -> Result<String, String> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    let run = nunjucks::rewritten(text).map_err(|why| unrendered(&why, text))?;
    let mut context: BTreeMap<&str, Jinja> = vars.iter().map(|(key, value)| (key.as_str(), nunjucks::value(&js::normal(value)))).collect();
    context.insert("env", Jinja::from(Serde(env)));
    ENGINE.render_str(&run, Jinja::from(context)).map_err(|error| said(&error, text))
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
    template.render(&Vars::new()).map_err(Error::config)
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// nunjucks as promptfoo sets it up: nothing is escaped, what is missing is empty, the last newline stays.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine.set_formatter(|out, _, value| out.write_str(&printed(value)).map_err(minijinja::Error::from));
    engine.add_filter("dump", |value: Jinja| dumped(&value));
    engine.add_filter("load", |text: String| {
        let value: Value = serde_json::from_str(&text).map_err(|error| minijinja::Error::new(JinjaKind::InvalidOperation, error.to_string()))?;
        Ok::<_, minijinja::Error>(nunjucks::value(&value))
    });
    engine.add_filter("wordcount", |text: String| text.split_whitespace().count());
    engine.add_filter("nl2br", |text: String| text.replace('\n', "<br />\n"));
    engine.add_filter("string", |value: Jinja| printed(&value));
    engine.set_unknown_method_callback(|_, value, name, args| method(value, name, args));
    engine
});

/// A value as JavaScript prints it into a text.
fn printed(value: &Jinja) -> String {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => String::new(),
        ValueKind::String => value.as_str().map(str::to_owned).unwrap_or_default(),
        _ => serde_json::to_value(value).map_or_else(|_| value.to_string(), |value| js::text(&value)),
    }
}

fn dumped(value: &Jinja) -> Result<String, minijinja::Error> {
    serde_json::to_value(value).map(|value| js::json(&value)).map_err(|error| minijinja::Error::new(JinjaKind::BadSerialization, error.to_string()))
}

/// The methods of JavaScript's strings that templates are seen to call.
fn method(value: &Jinja, name: &str, args: &[Jinja]) -> Result<Jinja, minijinja::Error> {
    if name == nunjucks::LENGTH {
        return Ok(nunjucks::length(value));
    }
    let unknown = || minijinja::Error::new(JinjaKind::UnknownMethod, format!("method {name} does not run here"));
    let text = value.as_str().ok_or_else(unknown)?;
    let argument = |index: usize| args.get(index).and_then(Jinja::as_str).ok_or_else(unknown);
    Ok(match name {
        "toUpperCase" => Jinja::from(text.to_uppercase()),
        "toLowerCase" => Jinja::from(text.to_lowercase()),
        "trim" => Jinja::from(text.trim()),
        "includes" => Jinja::from(text.contains(argument(0)?)),
        "startsWith" => Jinja::from(text.starts_with(argument(0)?)),
        "endsWith" => Jinja::from(text.ends_with(argument(0)?)),
        "split" => Jinja::from(text.split(argument(0)?).map(str::to_owned).collect::<Vec<_>>()),
        "replace" => Jinja::from(text.replacen(argument(0)?, argument(1)?, 1)),
        _ => return Err(unknown()),
    })
}

fn said(error: &minijinja::Error, text: &str) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    unrendered(&detail, text)
}

fn unrendered(why: &str, text: &str) -> String {
    format!("the template {:?} cannot be rendered: {why}", text.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(text: &str) -> String {
        let vars: Vars =
            serde_json::from_value(json!({"name": "Ada", "n": 3.0, "none": null, "ticket": {"id": 7}, "list": ["a", 1], "rows": [{"x": 1}],
                "words": ["b", "c", "a"], "no": [], "nil": {}, "empty": "", "smile": "a\u{1f600}", "sized": {"length": "long"}}))
            .unwrap();
        Template::parse(text, &|name| (name == "HOST").then(|| "h".to_owned())).unwrap().render(&vars).unwrap()
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(render("{{name}} {{ n }}{{none}}{{missing}}{{missing.deep}} {{ticket.id}} {{list}}\n"), "Ada 3 7 a,1\n");
        assert_eq!(render("http://{{env.HOST}}/{{env.UNSET}}"), "http://h/");
        assert_eq!(render("{{rows}} {{ticket | dump}}"), r#"[{"x":1}] {"id":7}"#);
    }

    #[test]
    fn filters_and_blocks_run() {
        assert_eq!(render("{{name | upper}}{% if n > 2 %} many{% endif %}{% for x in list %} {{loop.index}}{{x}}{% endfor %}"), "ADA many 1a 21");
        assert_eq!(render("{{name.toUpperCase()}}{# nothing #}"), "ADA");
    }

    /// A wrong branch here would be a prompt without its documents, and nobody told.
    #[test]
    fn lengths_and_truth_are_those_of_javascript() {
        assert_eq!(render("{{list.length}} {{no.length}} {{name.length}} {{smile.length}} {{sized.length}}"), "2 0 3 3 long");
        assert_eq!(render("[{{ticket.length}}{{n.length}}{{none.length}}{{missing.length}}{{missing.deep.length}}]"), "[]");
        assert_eq!(render("{% if rows.length > 0 %}yes{% else %}no{% endif %}{% if no.length %}yes{% else %}no{% endif %}"), "yesno");
        assert_eq!(render("{{list['length']}} {{rows[rows.length - 1].x}} {{ticket.id + list.length * 2}}"), "2 1 11");
        assert_eq!(render("{{(words | sort).length}} {{name.split('d').length}} {{(rows | dump).length}}"), "3 2 9");
        assert_eq!(render("{% for w in words %}{{loop.index}}/{{loop.length}} {% endfor %}"), "1/3 2/3 3/3 ");
        assert_eq!(
            render("{% if no %}a{% endif %}{% if nil %}b{% endif %}{% if empty %}c{% endif %}{% if none %}d{% endif %}{% if not no %}e{% endif %}"),
            "ab"
        );
        assert_eq!(render("{{env.HOST.length}}"), "1");
    }

    #[test]
    fn lists_and_objects_work_as_ever() {
        assert_eq!(render("{{list}} {{words}} {{no}}|{{nil}} {{rows}} {{sized}}"), r#"a,1 b,c,a |{} [{"x":1}] {"length":"long"}"#);
        assert_eq!(render("{{list | dump}} {{no | dump}} {{nil | dump}} {{rows | dump}}"), r#"["a",1] [] {} [{"x":1}]"#);
        assert_eq!(
            render("{{words | join('-')}} {{words | sort}} {{words | first}} {{words | last}} {{words | reverse | join}}"),
            "b-c-a a,b,c b a acb"
        );
        assert_eq!(render("{{words | length}} {{name | length}} {{words[1]}} {{words[9]}}{{list[0]}}"), "3 3 c a");
        assert_eq!(render("{% if 'c' in words and 'd' not in words and 'id' in ticket %}in{% endif %}{{ticket['id']}}"), "in7");
        assert_eq!(
            render(
                "{% for key in ticket %}{{key}}{% endfor %}{% for row in rows %}{{row.x}}{% endfor %}{% for x in no %}x{% else %}none{% endfor %}"
            ),
            "id1none"
        );
        assert_eq!(
            render("{% for key, item in ticket | items %}{{key}}={{item}}{% endfor %}{% if words == ['b', 'c', 'a'] %}same{% endif %}"),
            "id=7same"
        );
        assert_eq!(render("{{ ('[1, {\"a\": []}]' | load).length }}{{ ('[]' | load) | dump }}"), "2[]");
    }

    #[test]
    fn what_cannot_run_is_refused() {
        assert!(Template::parse("{{name", &|_| None).is_err());
        assert!(Template::parse("{{name.eval()}}", &|_| None).unwrap().render(&Vars::new()).is_err());
        assert!(expand_env("{{name}}", &|_| None).is_err());
        assert!(Template::parse("{{list[-1]}}", &|_| None).unwrap_err().to_string().contains("negative index"));
    }
}
