//! Brings retrieved documents to one shape: `{id, score, content, metadata}`.

use serde_json::{Map, Value};

use super::value::{first, json_int, opened};

/// Reads a list of documents in any shape, wherever in the value it lies; nothing if there is none.
pub(super) fn read(value: &Value) -> Option<String> {
    let found = find(&opened(value), 0)?;
    (!found.is_empty()).then(|| Value::Array(found).to_string())
}

fn find(value: &Value, depth: usize) -> Option<Vec<Value>> {
    if depth > 5 {
        return None;
    }
    match value {
        Value::Array(items) => {
            let documents: Vec<Value> = items.iter().filter_map(document).collect();
            if !documents.is_empty() {
                return Some(documents);
            }
            items.iter().find_map(|item| find(item, depth + 1))
        }
        Value::Object(map) => {
            let names =
                ["documents", "nodes", "results", "docs", "matches", "output", "outputs", "result", "retrieved_documents", "source_nodes", "data"];
            names.iter().filter_map(|name| map.get(*name)).find_map(|inner| find(&opened(inner), depth + 1))
        }
        _ => None,
    }
}

fn document(value: &Value) -> Option<Value> {
    let value = opened(value);
    let map = match &*value {
        Value::String(text) if !text.is_empty() => {
            let mut document = Map::new();
            document.insert("content".into(), Value::String(text.clone()));
            return Some(Value::Object(document));
        }
        Value::Object(map) => map,
        _ => return None,
    };
    for wrapper in ["document", "node", "kwargs"] {
        if let Some(inner @ Value::Object(_)) = map.get(wrapper) {
            let mut document = document(inner)?;
            if let (Some(score), Value::Object(document)) = (score(map), &mut document) {
                document.entry("score").or_insert(score);
            }
            return Some(document);
        }
    }
    let content = first(map, &["content", "page_content", "text", "pageContent", "document_content", "body", "chunk"]);
    let id = first(map, &["id", "id_", "node_id", "doc_id", "document_id", "_id"]);
    if content.is_none() && (id.is_none() || score(map).is_none()) {
        return None;
    }
    let metadata = first(map, &["metadata", "meta", "extra_info"]).map(|metadata| opened(metadata).into_owned());
    let mut document = Map::new();
    if let Some(id) = id.or_else(|| metadata.as_ref().and_then(|metadata| metadata.get("id"))) {
        document.insert("id".into(), id.clone());
    }
    if let Some(score) = score(map).or_else(|| metadata.as_ref().and_then(Value::as_object).and_then(score)) {
        document.insert("score".into(), score);
    }
    if let Some(content) = content {
        document.insert("content".into(), content.clone());
    }
    if let Some(metadata) = metadata {
        document.insert("metadata".into(), metadata);
    }
    Some(Value::Object(document))
}

fn score(map: &Map<String, Value>) -> Option<Value> {
    let score = first(map, &["score", "similarity", "relevance_score", "_score"])?;
    (score.is_number() || json_int(score).is_some()).then(|| score.clone())
}
