//! Reads `expected.json`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One run of a script.
#[derive(Debug, Deserialize)]
pub struct Scenario {
    #[serde(skip)]
    pub name: String,
    pub files: Vec<String>,
    #[serde(default)]
    pub facts: Value,
    #[serde(default)]
    pub visible: Value,
    pub llm_calls: Vec<Call>,
}

/// One request that reached the model server.
#[derive(Debug, Deserialize)]
pub struct Call {
    pub seq: u32,
    pub operation: String,
    pub provider: String,
    pub request_model: Option<String>,
    pub response_model: Option<String>,
    pub response_id: Option<String>,
    pub stream: bool,
    #[serde(default)]
    pub system: Option<String>,
    #[serde(default)]
    pub input_messages: Vec<Value>,
    #[serde(default)]
    pub tools: Vec<Value>,
    #[serde(default)]
    pub output: Value,
    pub usage: Value,
    pub status: String,
    #[serde(default)]
    pub visible: Value,
    pub carrier_spans: Vec<Value>,
}

impl Scenario {
    /// The OTLP requests, in the order in which they came.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str).filter(|file| file.ends_with(".bin"))
    }
}

impl Call {
    /// Whether the truth of a field is in the captured bytes; `None` where the search says nothing.
    pub fn visible(&self, field: &str) -> Option<bool> {
        match &self.visible[field] {
            Value::Bool(flag) => Some(*flag),
            Value::String(_) => Some(true),
            _ => None,
        }
    }

    /// Ids of the spans that carry the call.
    pub fn carriers(&self) -> impl Iterator<Item = &str> {
        self.carrier_spans.iter().filter_map(|span| span["span_id"].as_str())
    }
}

/// Reads the scenarios of a dialect.
pub fn load(folder: &Path) -> Vec<Scenario> {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let Value::Object(scenarios) = file["scenarios"].take() else { panic!("no scenarios in {}", folder.display()) };
    let read = |(name, value): (String, Value)| {
        let mut scenario: Scenario = serde_json::from_value(value).unwrap();
        scenario.name = name;
        scenario
    };
    scenarios.into_iter().map(read).collect()
}
