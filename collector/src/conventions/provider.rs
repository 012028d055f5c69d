//! Folds a provider's many names to one family.

/// Names of frameworks that stand where a provider belongs; they say nothing about who served the model.
const FRAMEWORKS: &[&str] = &[
    "langchain",
    "langgraph",
    "strands",
    "autogen",
    "agent_framework",
    "llamaindex",
    "llama_index",
    "crewai",
    "haystack",
    "dspy",
    "semantic_kernel",
    "pydantic_ai",
    "litellm",
    "smolagents",
    "opentelemetry",
    "function_model",
    "genkit",
    "mastra",
    "unknown",
    "_other",
    "langsmith",
    "agno",
    "vercel",
    "traceloop",
    "spring",
    "voltagent",
    "livekit",
    "langtrace",
    "braintrust",
];

/// What the name contains, and the family that follows; first match wins.
const FAMILIES: &[(&str, &str)] = &[
    ("bedrock", "aws.bedrock"),
    ("amazon", "aws.bedrock"),
    ("aws", "aws.bedrock"),
    ("openai", "openai"),
    ("azure", "openai"),
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("gemini", "gcp.gemini"),
    ("vertex", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("gcp", "gcp.gemini"),
    ("mistral", "mistral_ai"),
    ("x_ai", "x_ai"),
    ("xai", "x_ai"),
    ("grok", "x_ai"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("groq", "groq"),
    ("perplexity", "perplexity"),
    ("watsonx", "ibm.watsonx.ai"),
    ("ollama", "ollama"),
];

/// What a model's name begins with or contains, and who makes it.
const MODELS: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt", "openai"),
    ("text-embedding-", "openai"),
    ("davinci", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("whisper", "openai"),
    ("dall-e", "openai"),
    ("claude", "anthropic"),
    ("gemini", "gcp.gemini"),
    ("gemma", "gcp.gemini"),
    ("mistral", "mistral_ai"),
    ("mixtral", "mistral_ai"),
    ("codestral", "mistral_ai"),
    ("command", "cohere"),
    ("grok", "x_ai"),
    ("deepseek", "deepseek"),
    ("llama", "meta"),
    ("qwen", "alibaba"),
];

/// Vendors whose name and a dot before the model's name mean Bedrock.
const BEDROCK_VENDORS: &[&str] =
    &["anthropic.", "amazon.", "meta.", "cohere.", "mistral.", "ai21.", "deepseek.", "stability.", "openai.", "qwen.", "writer."];
/// Regions that Bedrock puts before an inference profile's name.
const BEDROCK_REGIONS: &[&str] = &["us.", "eu.", "apac.", "global.", "us-gov.", "jp.", "au.", "ca."];

/// Routes that gateways put before the model's name.
const ROUTES: &[&str] = &[
    "openai",
    "azure",
    "anthropic",
    "bedrock",
    "converse",
    "invoke",
    "vertex_ai",
    "vertexai",
    "gemini",
    "googleai",
    "google",
    "mistral",
    "groq",
    "cohere",
    "xai",
    "ollama",
    "deepseek",
];

/// A model's name without the routes before it: `openai/gpt-4o`, `bedrock/converse/anthropic.claude-..`.
pub(super) fn without_route(model: &str) -> &str {
    let mut model = model;
    while let Some((route, rest)) = model.split_once('/')
        && ROUTES.contains(&route)
        && !rest.is_empty()
    {
        model = rest;
    }
    model
}

/// The family of a provider as sent; nothing if the name is a framework's.
pub(super) fn family(name: &str) -> Option<String> {
    // Most senders name the family itself.
    if FAMILIES.iter().any(|(_, family)| *family == name) {
        return Some(name.to_owned());
    }
    let lower = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    if lower.is_empty() || FRAMEWORKS.iter().any(|framework| lower.contains(framework)) {
        return None;
    }
    let known = FAMILIES.iter().find(|(part, _)| lower.contains(part));
    Some(known.map_or(lower.clone(), |(_, family)| (*family).to_owned()))
}

/// The family that the name of a model, a scope or a class gives away.
pub(super) fn hinted(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    FAMILIES.iter().filter(|(part, _)| part.len() > 3).find(|(part, _)| lower.contains(part)).map(|(_, family)| *family)
}

/// The family that serves a model of this name, as far as the name tells.
pub(super) fn of_model(model: &str) -> Option<&'static str> {
    let lower = model.to_ascii_lowercase();
    let lower = lower.strip_prefix("models/").unwrap_or(&lower);
    if let Some((route, _)) = lower.split_once('/')
        && let Some((_, family)) = FAMILIES.iter().find(|(part, _)| route.contains(part))
    {
        return Some(family);
    }
    let bare = BEDROCK_REGIONS.iter().find_map(|region| lower.strip_prefix(region)).unwrap_or(lower);
    if BEDROCK_VENDORS.iter().any(|vendor| bare.starts_with(vendor)) || lower.starts_with("arn:aws:bedrock") {
        return Some("aws.bedrock");
    }
    let name = bare.rsplit('/').next().unwrap_or(bare);
    MODELS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, family)| *family)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, family, of_model};

    #[test]
    fn a_family_is_its_own() {
        for (part, name) in FAMILIES {
            assert_eq!(family(name).as_deref(), Some(*name));
            assert_eq!(family(&format!("{name}-x")).as_deref(), Some(*name), "{part}");
        }
    }

    #[test]
    fn names_fold_to_families() {
        assert_eq!(family("azure.ai.openai").as_deref(), Some("openai"));
        assert_eq!(family("openai.responses").as_deref(), Some("openai"));
        assert_eq!(family("AWS").as_deref(), Some("aws.bedrock"));
        assert_eq!(family("gcp.vertex_ai").as_deref(), Some("gcp.gemini"));
        assert_eq!(family("strands-agents"), None);
        assert_eq!(family("Acme AI").as_deref(), Some("acme_ai"));
    }

    #[test]
    fn models_give_their_provider_away() {
        assert_eq!(of_model("us.anthropic.claude-sonnet-4-20250514-v1:0"), Some("aws.bedrock"));
        assert_eq!(of_model("bedrock/converse/claude"), Some("aws.bedrock"));
        assert_eq!(of_model("claude-sonnet-4-5"), Some("anthropic"));
        assert_eq!(of_model("my-model"), None);
    }
}
