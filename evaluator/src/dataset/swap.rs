//! Counterfactual cases: the same template for every group, with the group's names, pronouns or dialect in its placeholders.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Case;

/// Column that names the group of a swapped case.
const GROUP: &str = "group";
/// Column that the cases of one template share.
const PAIR: &str = "pair";

/// Makes a case a group out of every case that has a placeholder such as `{name}` in a text; the others stay as they are.
///
/// The case of group `g` is named `id@g`, has `group` = g and `pair` = id. In every text of it, in lists and objects too, each placeholder that
/// the group knows is replaced, once: what is put in is not looked at again.
pub(super) fn swapped(cases: Vec<Case>, swap: &BTreeMap<String, BTreeMap<String, String>>) -> Vec<Case> {
    let mut made = Vec::with_capacity(cases.len() * swap.len());
    for case in cases {
        let has_one = swap.values().flat_map(BTreeMap::keys).any(|name| case.vars.values().any(|value| holds(value, &format!("{{{name}}}"))));
        if !has_one {
            made.push(case);
            continue;
        }
        for (group, words) in swap {
            let mut vars: super::Vars = case.vars.iter().map(|(key, value)| (key.clone(), put_in(value, words))).collect();
            vars.insert(GROUP.to_owned(), Value::String(group.clone()));
            vars.insert(PAIR.to_owned(), Value::String(case.id.clone()));
            let id = format!("{}@{group}", case.id);
            if vars.contains_key("id") {
                vars.insert("id".to_owned(), Value::String(id.clone()));
            }
            made.push(Case { id, vars });
        }
    }
    made
}

fn holds(value: &Value, placeholder: &str) -> bool {
    match value {
        Value::String(text) => text.contains(placeholder),
        Value::Array(items) => items.iter().any(|item| holds(item, placeholder)),
        Value::Object(map) => map.values().any(|item| holds(item, placeholder)),
        _ => false,
    }
}

fn put_in(value: &Value, words: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, words)),
        Value::Array(items) => items.iter().map(|item| put_in(item, words)).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, item)| (key.clone(), put_in(item, words))).collect()),
        other => other.clone(),
    }
}

fn filled(text: &str, words: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| Some((words.get(name)?, after)));
        rest = match known {
            Some((word, after)) => {
                out.push_str(word);
                after
            }
            None => {
                out.push('{');
                after
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Dataset;
    use super::*;

    #[test]
    fn a_template_becomes_a_case_a_group() {
        let rows = [json!({"id": "loan", "q": "Shall {name} get {their} loan?", "list": ["{name}", "{x}"]}), json!({"id": "plain", "q": "Why {}?"})];
        let rows = rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect();
        let group = |name: &str, their: &str| [("name", name), ("their", their)].map(|(key, word)| (key.to_owned(), word.to_owned())).into();
        let swap = [("men".to_owned(), group("Ben {their}", "his")), ("women".to_owned(), group("Ann", "her"))].into();
        let cases = swapped(Dataset::of(rows, String::new()).cases, &swap);
        assert_eq!(cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["loan@men", "loan@women", "plain"]);
        assert_eq!(cases[0].vars["q"], "Shall Ben {their} get his loan?");
        assert_eq!(
            Value::Object(cases[1].vars.clone()),
            json!({"id": "loan@women", "q": "Shall Ann get her loan?", "list": ["Ann", "{x}"], "group": "women", "pair": "loan"})
        );
        assert_eq!(cases[2].vars["q"], "Why {}?");
    }
}
