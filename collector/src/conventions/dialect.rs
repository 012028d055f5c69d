//! Names the convention that a span or record speaks.

use super::gather::Gathered;

/// Beginnings of scope names, and the dialect that they mean.
const SCOPES: &[(&str, &str)] = &[
    ("openinference.", "openinference"),
    ("@arizeai/openinference", "openinference"),
    ("langfuse", "langfuse"),
    ("lmnr", "laminar"),
    ("mlflow", "mlflow"),
    ("langsmith", "langsmith"),
    ("litellm", "litellm"),
    ("pydantic-ai", "pydantic-ai"),
    ("pydantic-evals", "pydantic-evals"),
    ("logfire", "logfire"),
    ("strands", "strands"),
    ("gcp.vertex.agent", "google-adk"),
    ("agent_framework", "agent-framework"),
    ("semantic_kernel", "semantic-kernel"),
    ("autogen", "autogen"),
    ("haystack", "haystack"),
    ("genkit", "genkit"),
    ("@mastra", "mastra"),
    ("openlit", "openlit"),
    ("traceloop", "traceloop"),
    ("@traceloop", "traceloop"),
    ("com.anthropic.claude_code", "claude-code"),
    ("codex", "codex"),
    ("gemini-cli", "gemini-cli"),
    ("fastmcp", "mcp"),
    ("mcp", "mcp"),
];

/// Beginnings of keys, and the dialect that they mean.
const KEYS: &[(&str, &str)] = &[
    ("openinference.", "openinference"),
    ("langfuse.", "langfuse"),
    ("mlflow.", "mlflow"),
    ("langsmith.", "langsmith"),
    ("lmnr.", "laminar"),
    ("genkit:", "genkit"),
    ("haystack.", "haystack"),
    ("mastra.", "mastra"),
    ("traceloop.", "traceloop"),
    ("ai.", "vercel"),
    ("gen_ai.", "gen_ai"),
    ("llm.", "openinference"),
    ("mcp.", "mcp"),
];

/// The dialect by scope, then by keys; `other` for content that follows none.
pub(super) fn name(gathered: &Gathered<'_>, scope: Option<&str>) -> String {
    let scope = scope.unwrap_or_default();
    let by_scope = SCOPES.iter().find(|(start, _)| scope.starts_with(start)).map(|(_, name)| *name);
    let by_key =
        || KEYS.iter().find(|(start, _)| gathered.attributes().iter().any(|attribute| attribute.key.starts_with(start))).map(|(_, name)| *name);
    // An SDK that traces itself: the view `llm_calls` knows it by this name.
    if scope.contains(".sdk.") {
        return "sdk".to_owned();
    }
    by_scope.or_else(by_key).unwrap_or("other").to_owned()
}
