//! What a resource says of every row below it.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::json;

/// The service behind a resource, and the resource as JSON.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// `service.name`.
    pub name: Option<String>,
    /// `service.version`.
    pub version: Option<String>,
    /// `deployment.environment.name`, or `deployment.environment` as it was called before.
    pub environment: Option<String>,
    /// All attributes of the resource.
    pub json: Option<String>,
}

impl Service {
    /// Reads a resource.
    pub fn of(resource: Option<&Resource>) -> Self {
        let attributes = attributes_of(resource);
        Self {
            name: text_of(attributes, "service.name"),
            version: text_of(attributes, "service.version"),
            environment: text_of(attributes, "deployment.environment.name").or_else(|| text_of(attributes, "deployment.environment")),
            json: json::object_of(attributes),
        }
    }
}

/// Returns the attributes of a resource, or none.
pub fn attributes_of(resource: Option<&Resource>) -> &[KeyValue] {
    resource.map_or(&[], |resource| &resource.attributes)
}

/// Returns name and version of a scope.
pub fn scope_of(scope: Option<&InstrumentationScope>) -> (Option<String>, Option<String>) {
    scope.map_or((None, None), |scope| (filled(&scope.name), filled(&scope.version)))
}

/// Returns text, unless it is empty: protobuf does not tell an empty text from none.
pub fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Finds an attribute; the last of equal keys wins. What is not text is given as JSON.
fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().rev().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match &value.value {
        Some(Value::StringValue(text)) => filled(text),
        Some(_) => {
            let mut out = String::new();
            json::value(&mut out, value);
            Some(out)
        }
        None => None,
    }
}
