//! Real instrumentations of real SDKs export over gRPC and HTTP; what they did is found by SQL, call by call.

use serde_json::Value;

use crate::server::{Server, service};

/// Columns that must hold what the app knows of its call; a field that the app does not state is not compared.
const FIELDS: &[&str] =
    &["operation", "request_model", "response_model", "response_id", "input_text", "output_text", "input_tokens", "output_tokens"];

fn same_call(stated: &Value, row: &Value) {
    for field in FIELDS {
        let Some(wanted) = stated.get(field) else { continue };
        // An embedding has no output tokens; a dialect may say so with a zero or with nothing.
        let found = if row[field].is_null() && *wanted == 0 { wanted } else { &row[field] };
        assert_eq!(found, wanted, "{field} of {row}");
    }
    assert_eq!(row["status"] == "error", stated["status"] == "error", "{row}");
    if stated["streaming"] == true {
        assert_eq!(row["streaming"], true, "{row}");
    }
    if stated["cache_read_tokens"].as_u64() > Some(0) {
        assert_eq!(row["cache_read_tokens"], stated["cache_read_tokens"], "{row}");
    }
    let wanted: Vec<_> = stated["tool_calls"].as_array().into_iter().flatten().collect();
    let found: Value = row["tool_calls"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let found: Vec<_> = found.as_array().into_iter().flatten().map(|call| &call["name"]).collect();
    assert_eq!(found, wanted, "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_three_instrumentations_are_found_by_sql() {
    if service("sdk.sh", &["install"]).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), None);
    let said = service("sdk.sh", &["run", &server.otlp_grpc, &server.otlp_http]).unwrap();
    let said: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let apps = said["apps"].as_array().unwrap();
    assert_eq!(apps.len(), 3);
    for app in apps {
        let service = app["service"].as_str().unwrap();
        let rows = server.sql(None, &format!("select * from llm_calls where service_name = '{service}' order by start_unix_nano")).await;
        let calls = app["calls"].as_array().unwrap();
        assert_eq!(rows.len(), calls.len(), "{service}: one row a call");
        for (row, stated) in rows.iter().zip(calls) {
            same_call(stated, row);
        }
        let spans = server.sql(None, &format!("select count(*) as n from spans where service_name = '{service}'")).await;
        assert_eq!(spans[0]["n"], app["n_spans"], "{service}: every span is there");
        let tools = server.sql(None, &format!("select t.tool_name, t.tool_result from tool_calls t where t.service_name = '{service}'")).await;
        if service == "sdk-pydantic" {
            assert_eq!(tools.len(), 2, "the agent ran its tool twice");
        }
    }
    server.stop();
}
