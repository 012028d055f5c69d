//! `is-json` and `contains-json`.

use serde_json::Value;

use crate::js;
use crate::promptfoo::asserts::lenient::objects_in;
use crate::promptfoo::asserts::{Grade, Question};

/// `is-json`: the whole answer is JSON, of the schema where one is given.
pub(super) fn is_json(question: &Question<'_>) -> Result<Grade, String> {
    let Ok(found) = serde_json::from_str::<Value>(question.output()) else {
        return Ok(Grade::pass(question.inverse, || "the answer is not JSON".to_owned()));
    };
    let Some(schema) = schema(question)? else {
        return Ok(Grade::pass(!question.inverse, || "the answer is JSON".to_owned()));
    };
    Ok(Grade::pass(schema.is_valid(&found) != question.inverse, || misfit(&schema, &found, question.inverse)))
}

/// `contains-json`: an object stands in the answer, of the schema where one is given.
pub(super) fn contains_json(question: &Question<'_>) -> Result<Grade, String> {
    let found = objects_in(question.output());
    // As in promptfoo the schema is looked at only where there is something to hold against it.
    let schema = if found.is_empty() { None } else { schema(question)? };
    let fits = match &schema {
        Some(schema) => found.iter().any(|value| schema.is_valid(value)),
        None => !found.is_empty(),
    };
    Ok(Grade::pass(fits != question.inverse, || match (&schema, found.last()) {
        (Some(schema), Some(value)) => misfit(schema, value, question.inverse),
        _ => format!("expected the answer {}to contain a JSON object", question.not()),
    }))
}

fn misfit(schema: &jsonschema::Validator, found: &Value, inverse: bool) -> String {
    if inverse {
        return "the JSON fits the schema".to_owned();
    }
    let errors = schema.iter_errors(found).take(3).map(|error| format!("{error} at {:?}", error.instance_path().to_string()));
    format!("the JSON does not fit the schema: {}", errors.collect::<Vec<_>>().join("; "))
}

/// The schema: an object, or a text of YAML.
fn schema(question: &Question<'_>) -> Result<Option<jsonschema::Validator>, String> {
    let parsed;
    let schema = match question.value.filter(|value| js::truthy(value)) {
        None => return Ok(None),
        Some(Value::String(text)) => {
            parsed = serde_yaml_ng::from_str::<Value>(text).map_err(|error| format!("the schema is not YAML: {error}"))?;
            &parsed
        }
        Some(object @ Value::Object(_)) => object,
        Some(_) => return Err(format!("{} must have a schema as its value", question.kind)),
    };
    compiled(schema).map(Some)
}

/// A schema as Ajv's strict mode takes it.
pub(super) fn compiled(schema: &Value) -> Result<jsonschema::Validator, String> {
    if let Some(fault) = strict_fault(schema) {
        return Err(format!("not a JSON schema: {fault}"));
    }
    let compiled = jsonschema::options().with_draft(jsonschema::Draft::Draft7).should_validate_formats(true).build(schema);
    compiled.map_err(|error| format!("not a JSON schema: {error}"))
}

/// What Ajv's strict mode refuses: a keyword or a format that it does not know.
fn strict_fault(schema: &Value) -> Option<String> {
    let Value::Object(fields) = schema else {
        return (!schema.is_boolean()).then(|| format!("a schema is an object or a boolean, not {schema}"));
    };
    if let Some(key) = fields.keys().find(|key| !KEYWORDS.contains(&key.as_str())) {
        return Some(format!("unknown keyword {key:?}"));
    }
    if let Some(format) = fields.get("format").and_then(Value::as_str).filter(|format| !FORMATS.contains(format)) {
        return Some(format!("unknown format {format:?}"));
    }
    let one = ["additionalItems", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"];
    let many = ["properties", "patternProperties", "definitions", "$defs"];
    let lists = ["allOf", "anyOf", "oneOf"];
    let single = one.iter().filter_map(|key| fields.get(*key));
    let named = many.iter().filter_map(|key| fields.get(*key)?.as_object()).flat_map(|map| map.values());
    let listed = lists.iter().filter_map(|key| fields.get(*key)?.as_array()).flatten();
    let items: Vec<&Value> = match fields.get("items") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(other) => vec![other],
        None => Vec::new(),
    };
    single.chain(named).chain(listed).chain(items).find_map(strict_fault)
}

/// Keywords of JSON Schema draft 7, and those that Ajv and its formats add.
const KEYWORDS: [&str; 58] = [
    "$id",
    "$schema",
    "$ref",
    "$comment",
    "$defs",
    "$vocabulary",
    "definitions",
    "type",
    "nullable",
    "title",
    "description",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "examples",
    "contentMediaType",
    "contentEncoding",
    "contentSchema",
    "format",
    "formatMinimum",
    "formatMaximum",
    "formatExclusiveMinimum",
    "formatExclusiveMaximum",
    "multipleOf",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxProperties",
    "minProperties",
    "required",
    "maxItems",
    "minItems",
    "uniqueItems",
    "const",
    "enum",
    "additionalItems",
    "items",
    "contains",
    "dependencies",
    "propertyNames",
    "additionalProperties",
    "properties",
    "patternProperties",
    "not",
    "anyOf",
    "oneOf",
    "allOf",
    "if",
    "then",
    "else",
    "minContains",
    "maxContains",
    "id",
];

/// Formats that ajv-formats knows.
const FORMATS: [&str; 25] = [
    "date",
    "time",
    "date-time",
    "iso-time",
    "iso-date-time",
    "duration",
    "uri",
    "uri-reference",
    "uri-template",
    "url",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "regex",
    "uuid",
    "json-pointer",
    "json-pointer-uri-fragment",
    "relative-json-pointer",
    "byte",
    "int32",
    "int64",
    "float",
    "double",
    "password",
];
