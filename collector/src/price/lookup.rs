//! Under which keys of a price file a model may stand.
//!
//! Spans name one model in many ways: `gpt-4o-2024-08-06`, `models/gemini-2.5-pro`, `bedrock/converse/us.anthropic.claude-…-v1:0`.
//! [`candidates`] lists the keys to try, those of the provider as sent first; [`stem`] is what a name and a key have in common
//! when the date and the version are cut off.

/// Longest model name that is looked up; no price file has a longer one.
const MODEL_CHARS_MAX: usize = 256;

/// How many `provider/` prefixes of a name are followed.
const PREFIXES_MAX: usize = 3;

/// Lists the keys to try for a model, best first.
pub(super) fn candidates(provider_raw: Option<&str>, provider: Option<&str>, model: &str) -> Vec<String> {
    let model = plain(model.trim());
    let mut keys = Vec::new();
    if model.is_empty() || model.len() > MODEL_CHARS_MAX {
        return keys;
    }
    let providers: Vec<&str> = [provider_raw, provider].into_iter().flatten().filter(|name| !name.is_empty()).collect();
    for name in &providers {
        push_all(&mut keys, name, model);
    }
    if providers.iter().all(|name| known(name).is_none()) {
        if let Some(owner) = owner_of(model) {
            push_all(&mut keys, owner, model);
        }
        if providers.is_empty() {
            push(&mut keys, model.to_owned());
        }
    }
    follow_prefixes(&mut keys, model);
    keys
}

/// Cuts the path of a resource name: `models/x`, `publishers/google/models/x`, `arn:aws:bedrock:…:inference-profile/x`.
fn plain(model: &str) -> &str {
    if model.starts_with("arn:") {
        return model.rsplit('/').next().unwrap_or(model);
    }
    match model.rfind("models/") {
        // Fireworks writes `accounts/fireworks/models/x` in price files too.
        Some(at) if !model.contains("accounts/") => &model[at + "models/".len()..],
        _ => model,
    }
}

/// Reads `anthropic/claude-…` as the model `claude-…` of `anthropic`.
fn follow_prefixes(keys: &mut Vec<String>, model: &str) {
    let mut rest = model;
    for _ in 0..PREFIXES_MAX {
        let Some((prefix, after)) = rest.split_once('/') else { return };
        push(keys, rest.to_owned());
        push_all(keys, prefix, after);
        rest = after;
    }
}

fn push_all(keys: &mut Vec<String>, provider: &str, model: &str) {
    let provider = provider.to_ascii_lowercase();
    let prefixes = known(&provider);
    if prefixes.is_none() {
        push(keys, format!("{provider}/{model}"));
    }
    for prefix in prefixes.unwrap_or_default() {
        push(keys, format!("{prefix}{model}"));
    }
    if is_bedrock(&provider) {
        push_bedrock(keys, model);
    }
}

/// A Bedrock id without its region costs what the region's would, or a little less; without its vendor, the vendor's list price.
fn push_bedrock(keys: &mut Vec<String>, model: &str) {
    const REGIONS: [&str; 8] = ["us.", "eu.", "apac.", "global.", "jp.", "au.", "in.", "us-gov."];
    const VENDORS: [&str; 10] = ["anthropic.", "amazon.", "meta.", "mistral.", "cohere.", "deepseek.", "openai.", "qwen.", "ai21.", "writer."];
    let model = model.strip_prefix("converse/").or_else(|| model.strip_prefix("invoke/")).unwrap_or(model);
    push(keys, model.to_owned());
    let global = REGIONS.iter().find_map(|region| model.strip_prefix(region)).unwrap_or(model);
    push(keys, global.to_owned());
    match VENDORS.iter().find_map(|vendor| global.strip_prefix(vendor)) {
        Some(bare) => push(keys, bare.to_owned()),
        None => VENDORS.iter().for_each(|vendor| push(keys, format!("{vendor}{global}"))),
    }
}

fn push(keys: &mut Vec<String>, key: String) {
    if !keys.contains(&key) {
        keys.push(key);
    }
}

fn is_bedrock(provider: &str) -> bool {
    matches!(provider, "aws.bedrock" | "aws_bedrock" | "bedrock" | "bedrock_converse" | "aws" | "amazon_bedrock" | "amazon-bedrock")
}

/// The prefixes of a provider's keys, for names that instrumentations send.
fn known(provider: &str) -> Option<&'static [&'static str]> {
    Some(match provider.to_ascii_lowercase().as_str() {
        "openai" | "openai.chat" | "openai.responses" => &["", "openai/"],
        "azure.ai.openai" | "az.ai.openai" | "azure" | "azure_openai" | "azure.openai" => &["azure/", ""],
        "azure.ai.inference" | "az.ai.inference" | "azure_ai" => &["azure_ai/", "azure/", ""],
        "anthropic" => &["", "anthropic/"],
        name if is_bedrock(name) => &["", "bedrock/"],
        "gcp.gemini" | "gemini" | "google" | "google_ai_studio" | "google_genai" => &["gemini/", ""],
        "gcp.vertex_ai" | "vertex_ai" | "vertexai" | "gcp" | "google_vertexai" => &["vertex_ai/", "", "gemini/"],
        "gcp.gen_ai" | "gcp.genai" => &["gemini/", "vertex_ai/", ""],
        "mistral_ai" | "mistralai" | "mistral" => &["mistral/"],
        "x_ai" | "xai" => &["xai/"],
        "deepseek" => &["deepseek/"],
        "cohere" => &["", "cohere/"],
        "groq" => &["groq/"],
        "perplexity" => &["perplexity/"],
        "fireworks" | "fireworks_ai" => &["fireworks_ai/", "fireworks_ai/accounts/fireworks/models/"],
        "together" | "together_ai" | "togetherai" => &["together_ai/"],
        "openrouter" => &["openrouter/"],
        "ibm.watsonx.ai" | "watsonx" => &["watsonx/"],
        "moonshot_ai" | "moonshot" => &["moonshot/"],
        "ollama" => &["ollama/"],
        "vllm" | "hosted_vllm" => &["hosted_vllm/"],
        _ => return None,
    })
}

/// The provider of a model that only one sells, by its name, for spans that name none or a framework instead.
fn owner_of(model: &str) -> Option<&'static str> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    if begins(&["gpt-oss"]) {
        return None;
    }
    let owners: [(&[&str], &str); 8] = [
        (&["gpt-", "chatgpt-", "o1", "o3", "o4-", "text-embedding-3", "text-embedding-ada"], "openai"),
        (&["claude-"], "anthropic"),
        (
            &["anthropic.", "amazon.", "us.anthropic.", "eu.anthropic.", "apac.anthropic.", "global.anthropic.", "us.amazon.", "eu.amazon."],
            "aws.bedrock",
        ),
        (&["gemini-"], "gcp.gemini"),
        (&["grok-"], "x_ai"),
        (&["mistral-large", "mistral-medium", "codestral"], "mistral_ai"),
        (&["deepseek-chat", "deepseek-reasoner"], "deepseek"),
        (&["sonar"], "perplexity"),
    ];
    owners.iter().find(|(prefixes, _)| begins(prefixes)).map(|(_, owner)| *owner)
}

/// Cuts what names a release of a model: dates, `-latest`, `@…`, `-v1:0`, Gemini's `-001`; in lower case.
pub(super) fn stem(key: &str) -> String {
    let key = key.to_ascii_lowercase();
    let mut stem = key.split_once('@').map_or(key.as_str(), |(model, _)| model);
    loop {
        let shorter = cut_version(stem).or_else(|| stem.strip_suffix("-latest")).or_else(|| cut_date(stem));
        match shorter {
            Some(shorter) if !shorter.is_empty() => stem = shorter,
            _ => return stem.to_owned(),
        }
    }
}

/// Cuts `-20250929` or `-2024-08-06`.
fn cut_date(name: &str) -> Option<&str> {
    let is_date = |text: &str, at_dashes: &[usize]| {
        text.bytes().enumerate().all(|(at, byte)| if at_dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_digit() }) && text.contains("20")
    };
    let cut = |chars: usize, dashes: &[usize]| {
        let at = name.len().checked_sub(chars).filter(|at| name.is_char_boundary(*at))?;
        let (rest, date) = name.split_at(at);
        is_date(date, dashes).then(|| rest.strip_suffix('-')).flatten()
    };
    cut(10, &[4, 7]).or_else(|| cut(8, &[]))
}

/// Cuts `-v1:0` anywhere, `-v1` from Bedrock's names, `-001` from Gemini's.
fn cut_version(name: &str) -> Option<&str> {
    let (rest, last) = name.rsplit_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = last.strip_prefix('v').map(|version| version.split_once(':').map_or((version, ""), |parts| parts));
    match version {
        Some((major, minor)) if is_number(major) && is_number(minor) => Some(rest),
        Some((major, "")) if is_number(major) && name.contains("anthropic.") => Some(rest),
        None if name.contains("gemini-") && last.len() == 3 && last.starts_with("00") && is_number(last) => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_stem(name: &str, expect: &str) {
        assert_eq!(stem(name), expect, "{name}");
    }

    #[test]
    fn stems_lose_release_and_date() {
        check_stem("gpt-4o-2024-08-06", "gpt-4o");
        check_stem("claude-sonnet-4-5-20250929", "claude-sonnet-4-5");
        check_stem("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5");
        check_stem("anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6");
        check_stem("claude-haiku-4-5@20251001", "claude-haiku-4-5");
        check_stem("gemini/gemini-2.0-flash-001", "gemini/gemini-2.0-flash");
        check_stem("mistral/mistral-large-latest", "mistral/mistral-large");
    }

    #[test]
    fn stems_keep_what_names_the_model() {
        for name in
            ["deepseek/deepseek-v3", "gpt-4", "gpt-4-0613", "gpt-5.1", "o3-mini", "text-embedding-3-small", "20250929", "-2024-08-06", "é-2024-08-06"]
        {
            let expect = if name.starts_with('é') { "é" } else { name };
            check_stem(name, expect);
        }
    }

    #[track_caller]
    fn check(provider_raw: &str, provider: &str, model: &str, expect: &[&str]) {
        let option = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let keys = candidates(Some(provider_raw).filter(|name| !name.is_empty()), option(Box::leak(provider.to_owned().into_boxed_str())), model);
        assert_eq!(&keys[..expect.len().min(keys.len())], expect, "{model}");
    }

    #[test]
    fn the_provider_as_sent_comes_first() {
        check("azure.ai.openai", "openai", "gpt-4o", &["azure/gpt-4o", "gpt-4o"]);
        check("gcp.vertex_ai", "gcp.gemini", "models/gemini-2.5-pro", &["vertex_ai/gemini-2.5-pro", "gemini-2.5-pro", "gemini/gemini-2.5-pro"]);
        check("mistral_ai", "mistral_ai", "mistral-large-latest", &["mistral/mistral-large-latest"]);
    }

    #[test]
    fn prefixes_in_the_model_are_followed() {
        check("", "", "openai/gpt-4o", &["openai/gpt-4o", "gpt-4o"]);
        check("litellm", "", "bedrock/converse/us.anthropic.claude-x-v1:0", &["litellm/bedrock/converse/us.anthropic.claude-x-v1:0"]);
        let keys = candidates(None, None, "bedrock/converse/us.anthropic.claude-x-v1:0");
        for key in ["us.anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0", "claude-x-v1:0"] {
            assert!(keys.iter().any(|other| other == key), "{key}");
        }
    }

    #[test]
    fn bedrock_ids_are_found_without_region_and_vendor() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0";
        check("aws.bedrock", "aws.bedrock", arn, &["us.anthropic.claude-haiku-4-5-20251001-v1:0"]);
        let keys = candidates(Some("aws.bedrock"), None, "claude-3-5-sonnet-20240620-v1:0");
        assert!(keys.iter().any(|key| key == "anthropic.claude-3-5-sonnet-20240620-v1:0"));
    }

    #[test]
    fn frameworks_are_no_providers() {
        let keys = candidates(Some("strands-agents"), None, "claude-haiku-4-5");
        assert_eq!(keys, ["strands-agents/claude-haiku-4-5", "claude-haiku-4-5", "anthropic/claude-haiku-4-5"]);
        // Anybody may host an open model, at any price.
        assert_eq!(candidates(Some("my-gpu-box"), None, "gpt-oss-120b"), ["my-gpu-box/gpt-oss-120b"]);
    }
}
