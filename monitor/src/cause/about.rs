//! Which rows an alert is about, and what of them is a number.

use schema::AlertTransition;
use serde_json::Value;
use store::Param;

use crate::rule::Rule;

/// What goes into the places of `parts.sql`.
#[derive(Debug)]
pub(super) struct About {
    /// An SQL condition over the columns of the SELECT.
    pub condition: String,
    /// The expression whose mean is taken apart.
    pub number: &'static str,
    /// What the condition and the expression name.
    pub params: Vec<(String, Param)>,
}

impl About {
    /// Those of the rule's rows that `only` and the alert's slice leave; of categories, whether a row is of the one that moved most.
    pub fn of(rule: &Rule, alert: &AlertTransition) -> Self {
        let mut about = Self { condition: "true".to_owned(), number: "cast(value as double)", params: Vec::new() };
        let slice = rule.slices.iter().find_map(|column| Some((column, alert.slice.strip_prefix(column.as_str())?.strip_prefix('=')?)));
        let only = rule.only.iter().map(|(column, value)| (column, value.as_str()));
        for (nth, (column, value)) in only.chain(slice).enumerate() {
            // A name in quotes is a name, whatever is in it; a value is a parameter.
            let name = column.replace('"', "\"\"");
            about.condition.push_str(&format!(" and coalesce(cast(\"{name}\" as varchar), '(none)') = $about_{nth}"));
            about.params.push((format!("about_{nth}"), Param::Text(value.to_owned())));
        }
        let details = alert.details.as_deref().and_then(|details| serde_json::from_str::<Value>(details).ok());
        if let Some(category) = details.as_ref().and_then(|details| details["category"].as_str()) {
            about.number = "case when value = $category then 1.0 when value is not null then 0.0 end";
            about.params.push(("category".to_owned(), Param::Text(category.to_owned())));
        }
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(slice: &str, details: &str) -> About {
        let yaml =
            "{name: m, select: select 1, watch: drift, every: 1h, window: 6h, baseline: {trailing: 7d}, only: {'a\"b': x}, slices: [model, model_b]}";
        let alert = AlertTransition { slice: slice.to_owned(), details: Some(details.to_owned()), ..AlertTransition::default() };
        About::of(&Rule::parse(yaml).unwrap(), &alert)
    }

    #[test]
    fn only_and_the_slice_are_conditions() {
        let whole = about("", "{}");
        assert_eq!(whole.condition, "true and coalesce(cast(\"a\"\"b\" as varchar), '(none)') = $about_0");
        let slice = about("model_b=c=d", "{}");
        assert!(slice.condition.ends_with("and coalesce(cast(\"model_b\" as varchar), '(none)') = $about_1"), "{}", slice.condition);
        assert!(matches!(&slice.params[1], (name, Param::Text(value)) if name == "about_1" && value == "c=d"), "{:?}", slice.params);
    }

    #[test]
    fn of_categories_the_one_that_moved_is_the_number() {
        let found = about("", r#"{"category": "german"}"#);
        assert!(found.number.contains("$category") && found.params.len() == 2);
    }
}
