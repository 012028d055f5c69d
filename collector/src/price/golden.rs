//! Known prices: LiteLLM's own results for its price file, and the rules one by one.

use schema::{Micros, NanoUsd};

use super::{Call, PriceTable, Usage};

/// 2026-11-20T12:00:00Z, a Friday.
const NOW: Micros = Micros(1_795_176_000_000_000);

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

fn call<'a>(provider: &'a str, model: &'a str, usage: Usage) -> Call<'a> {
    Call { usage, provider_raw: Some(provider), provider: None, model, service_tier: None, region: None, at: NOW }
}

/// Compares in nano-dollars, input and output apart.
#[track_caller]
fn check(table: &PriceTable, call: Call<'_>, expect: impl Into<Option<(i64, i64)>>) {
    let found = table.cost(&call).map(|cost| (cost.input.round().0, cost.output.round().0));
    assert_eq!(found, expect.into(), "{call:?}");
}

fn table(models: &str) -> PriceTable {
    let table = PriceTable::parse(models).unwrap();
    assert!(table.skipped().is_empty(), "{:?}", table.skipped());
    table
}

/// Results of LiteLLM's `generic_cost_per_token` over its own price file.
#[test]
fn golden_vectors_of_litellm() {
    let shipped = PriceTable::shipped();
    let cached = |input, output, cache_read| Usage { cache_read, ..usage(input, output) };
    check(&shipped, call("openai", "gpt-4o", cached(10_000, 500, 8_000)), (15_000_000, 5_000_000));
    let priority = Call { service_tier: Some("priority"), ..call("openai", "gpt-4o", cached(10_000, 500, 8_000)) };
    check(&shipped, priority, (25_500_000, 8_500_000));
    let flex = Call { service_tier: Some("flex"), ..call("openai", "gpt-5", usage(5_000, 2_000)) };
    check(&shipped, flex, (3_125_000, 10_000_000));
    let written = Usage { cache_read: 9_000, cache_write: 2_000, ..usage(12_000, 800) };
    check(&shipped, call("anthropic", "claude-sonnet-4-5", written), (13_200_000, 12_000_000));
    check(&shipped, call("gemini", "gemini-2.5-pro", usage(200_000, 4_000)), (250_000_000, 40_000_000));
    check(&shipped, call("gemini", "gemini-2.5-pro", usage(250_000, 4_000)), (625_000_000, 60_000_000));
    check(&shipped, call("gemini", "gemini-2.5-pro", cached(250_000, 4_000, 100_000)), (400_000_000, 60_000_000));
    check(&shipped, call("aws.bedrock", "us.anthropic.claude-sonnet-4-5", usage(220_000, 1_000)), (1_452_000_000, 24_750_000));
}

#[test]
fn the_shipped_list_is_whole() {
    let shipped = PriceTable::shipped();
    assert!(shipped.skipped().is_empty(), "{:?}", shipped.skipped());
    assert!(shipped.n_models() > 60);
}

#[test]
fn models_are_found_under_the_names_that_spans_give() {
    let shipped = PriceTable::shipped();
    let mini = (150_000, 600_000);
    for (provider, model) in [
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("openai.chat", "gpt-4o-mini"),
        ("azure.ai.openai", "gpt-4o-mini"),
        ("litellm", "openai/gpt-4o-mini"),
        ("strands-agents", "gpt-4o-mini"),
        ("", "gpt-4o-mini"),
        ("openrouter", "openai/gpt-4o-mini"),
    ] {
        check(&shipped, call(provider, model, usage(1_000, 1_000)), mini);
    }
    let haiku = (1_100_000, 5_500_000);
    for (provider, model) in [
        ("aws.bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("", "bedrock/converse/us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ] {
        check(&shipped, call(provider, model, usage(1_000, 1_000)), haiku);
    }
    check(&shipped, call("gcp.vertex_ai", "models/gemini-2.5-flash", usage(1_000, 1_000)), (300_000, 2_500_000));
    check(&shipped, call("aws.bedrock", "claude-3-5-sonnet-20240620-v1:0", usage(1_000, 1_000)), (3_000_000, 15_000_000));
    check(&shipped, call("anthropic", "claude-3-5-sonnet-20241022", usage(1_000, 1_000)), (3_000_000, 15_000_000));
    check(&shipped, call("openai", "text-embedding-3-small", usage(1_000, 0)), (20_000, 0));
}

#[test]
fn unknown_models_have_no_price() {
    let shipped = PriceTable::shipped();
    for (provider, model) in
        [("openai", "gpt-4o-mega"), ("ollama", "llama3.3:70b"), ("my-gpu-box", "gpt-oss-120b"), ("groq", "gpt-4o"), ("openai", ""), ("", "")]
    {
        check(&shipped, call(provider, model, usage(10, 10)), None);
    }
    let long = "x/".repeat(200_000);
    check(&shipped, call("openai", &long, usage(10, 10)), None);
}

#[test]
fn prices_hold_as_of_the_time_of_the_call() {
    let shipped = PriceTable::shipped();
    let at = |time: &str| time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().into();
    let o3 = |time| Call { at: at(time), ..call("openai", "o3-2025-04-16", usage(1_000, 1_000)) };
    check(&shipped, o3("2025-06-09T23:59:59Z"), (10_000_000, 40_000_000));
    check(&shipped, o3("2025-06-10T00:00:00Z"), (2_000_000, 8_000_000));
    let deepseek = |time| Call { at: at(time), ..call("deepseek", "deepseek-chat", usage(1_000_000, 0)) };
    check(&shipped, deepseek("2025-03-01T16:29:00Z"), (270_000_000, 0));
    check(&shipped, deepseek("2025-03-01T16:30:00Z"), (135_000_000, 0));
    check(&shipped, deepseek("2025-09-06T16:30:00Z"), (560_000_000, 0));
    let withdrawn = table(
        r#"{"versions": [{"models": {"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}}, {"valid_from": "2026-01-31", "models": {"m": null}}]}"#,
    );
    let m = |time| Call { at: at(time), ..call("openai", "m", usage(1_000, 0)) };
    check(&withdrawn, m("2026-01-30T12:00:00Z"), (1_000_000, 0));
    check(&withdrawn, m("2026-01-31T12:00:00Z"), None);
}

#[test]
fn a_file_of_the_user_wins_over_the_shipped_list() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": "1e-06", "output_cost_per_token": 0.0}, "broken": {"input_cost_per_token": "cheap"}}"#).unwrap();
    let table = PriceTable::load(file.path()).unwrap();
    check(&table, call("openai", "gpt-4o-2024-05-13", usage(1_000, 1_000)), (1_000_000, 0));
    check(&table, call("openai", "gpt-4o-mini", usage(1_000, 1_000)), (150_000, 600_000));
    assert_eq!(table.skipped(), ["broken: input_cost_per_token"]);
    assert!(PriceTable::load(std::path::Path::new("/nowhere/prices.json")).is_err());
    assert!(PriceTable::parse("[1, 2]").is_err());
}

const TIERS: &str = r#"{
    "tall": {"litellm_provider": "gemini", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "cache_read_input_token_cost": 1e-07,
        "input_cost_per_token_above_100k_tokens": 3e-06, "output_cost_per_token_above_100k_tokens": 5e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06, "output_cost_per_token_above_200k_tokens_priority": 9e-06, "output_cost_per_token_priority": 8e-06},
    "xai/grok": {"litellm_provider": "xai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "input_cost_per_token_above_100k_tokens": 3e-06},
    "dashscope/ranged": {"litellm_provider": "dashscope", "tiered_pricing": [
        {"range": [32000.0, 128000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06},
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "output_cost_per_reasoning_token": 3e-06}]}
}"#;

#[test]
fn a_tier_prices_the_whole_request_and_counts_cached_tokens() {
    let tiers = table(TIERS);
    check(&tiers, call("openai", "tall", usage(100_000, 1_000)), (100_000_000, 2_000_000));
    check(&tiers, call("openai", "tall", usage(100_001, 1_000)), (300_003_000, 5_000_000));
    let cached = Usage { cache_read: 90_000, ..usage(100_001, 0) };
    check(&tiers, call("openai", "tall", cached), (30_003_000 + 9_000_000, 0));
    // Above 200k the file gives no output rate: that of 100k stays.
    check(&tiers, call("openai", "tall", usage(200_001, 1_000)), (800_004_000, 5_000_000));
    let priority = Call { service_tier: Some("fast"), ..call("openai", "tall", usage(200_001, 1_000)) };
    check(&tiers, priority, (800_004_000, 9_000_000));
}

#[test]
fn thresholds_of_xai_are_inclusive() {
    let tiers = table(TIERS);
    check(&tiers, call("x_ai", "grok", usage(99_999, 0)), (99_999_000, 0));
    check(&tiers, call("x_ai", "grok", usage(100_000, 0)), (300_000_000, 0));
}

#[test]
fn ranges_exclude_their_start_and_include_their_end() {
    let tiers = table(TIERS);
    let reasoning = Usage { reasoning: 1_000, ..usage(32_000, 2_000) };
    check(&tiers, call("dashscope", "ranged", reasoning), (32_000_000, 2_000_000 + 3_000_000));
    check(&tiers, call("dashscope", "ranged", usage(32_001, 1_000)), (64_002_000, 4_000_000));
    // Beyond the last range its rates stay; cached tokens cost the range's input rate.
    let beyond = Usage { cache_read: 100_000, ..usage(200_000, 0) };
    check(&tiers, call("dashscope", "ranged", beyond), (400_000_000, 0));
}

#[test]
fn batches_cost_their_rate_or_half() {
    let models = table(
        r#"{
        "own": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-07, "output_cost_per_token": 4e-06,
            "input_cost_per_token_batches": 7e-07, "output_cost_per_token_batches": 3e-06, "input_cost_per_token_above_100k_tokens_batches": 9e-07},
        "half": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "cache_read_input_token_cost": 1e-07, "output_cost_per_token": 4e-06}
    }"#,
    );
    let batch = |model, usage| Call { service_tier: Some("batch"), ..call("openai", model, usage) };
    check(&models, batch("own", usage(1_000, 1_000)), (700_000, 3_000_000));
    check(&models, batch("own", usage(100_001, 0)), (90_000_900, 0));
    check(&models, batch("half", usage(1_000, 1_000)), (500_000, 2_000_000));
    let cached = Usage { cache_read: 1_000, ..usage(2_000, 0) };
    check(&models, batch("half", cached), (550_000, 0));
    check(&models, batch("own", cached), (1_400_000, 0));
}

#[test]
fn absent_rates_fall_back_and_zero_is_a_price() {
    let models = table(
        r#"{
        "bare": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        "free-cache": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "cache_read_input_token_cost": 0.0, "output_cost_per_token": 2e-06, "output_cost_per_reasoning_token": 0},
        "hour": {"litellm_provider": "anthropic", "input_cost_per_token": 1e-06, "cache_creation_input_token_cost": 2e-06, "cache_creation_input_token_cost_above_1hr": 3e-06},
        "sound": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "input_cost_per_audio_token": 1e-05, "output_cost_per_audio_token": 2e-05},
        "rerank": {"litellm_provider": "cohere", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
        "image": {"litellm_provider": "openai", "input_cost_per_pixel": 1e-08}
    }"#,
    );
    let cached = Usage { cache_read: 500, cache_write: 300, reasoning: 400, ..usage(1_000, 1_000) };
    check(&models, call("openai", "bare", cached), (1_000_000, 2_000_000));
    check(&models, call("openai", "free-cache", cached), (500_000, 1_200_000));
    let hour = Usage { cache_write: 500, cache_write_1h: 200, ..usage(1_000, 0) };
    check(&models, call("openai", "hour", hour), (500_000 + 600_000 + 600_000, 0));
    let sound = Usage { audio_in: 400, audio_out: 100, ..usage(1_000, 1_000) };
    check(&models, call("openai", "sound", sound), (600_000 + 4_000_000, 1_800_000 + 2_000_000));
    check(&models, call("openai", "hour", usage(10, 10)), None);
    check(&models, call("openai", "rerank", usage(10, 0)), None);
    check(&models, call("openai", "image", usage(10, 0)), None);
}

#[test]
fn exceptions_of_fireworks_and_perplexity() {
    let models = table(
        r#"{
        "fireworks_ai/m": {"litellm_provider": "fireworks_ai", "input_cost_per_token": 1e-06, "input_cost_per_token_priority": 9e-06, "output_cost_per_token": 2e-06},
        "perplexity/m": {"litellm_provider": "perplexity", "input_cost_per_token": 1e-06, "input_cost_per_token_priority": 9e-06, "input_cost_per_token_above_1k_tokens": 9e-06,
            "cache_read_input_token_cost": 1e-07, "output_cost_per_token": 2e-06}
    }"#,
    );
    let cached = Usage { cache_read: 1_000, ..usage(2_000, 0) };
    let priority = |provider| Call { service_tier: Some("priority"), ..call(provider, "m", cached) };
    check(&models, priority("fireworks_ai"), (1_500_000, 0));
    check(&models, priority("perplexity"), (2_000_000, 0));
}

#[test]
fn regions_multiply() {
    let shipped = PriceTable::shipped();
    let at = |region| Call { region: Some(region), ..call("openai", "gpt-5.4-mini", usage(1_000, 1_000)) };
    check(&shipped, at("global"), (750_000, 4_500_000));
    check(&shipped, at("eu"), (825_000, 4_950_000));
    check(&shipped, at("mars"), (750_000, 4_500_000));
    let vertex =
        table(r#"{"vertex_ai/m": {"litellm_provider": "vertex_ai", "regional_endpoint_uplift_multiplier": 1.1, "input_cost_per_token": 1e-06}}"#);
    check(&vertex, Call { region: Some("us-east5"), ..call("gcp.vertex_ai", "m", usage(1_000, 0)) }, (1_100_000, 0));
}

/// A float would round 3 × 0.15 µ$ down here; and a billion small calls must add up exactly.
#[test]
fn money_is_exact() {
    let shipped = PriceTable::shipped();
    let price = |input| shipped.price(&usage(input, 0), Some("openai"), None, "text-embedding-3-small", None, NOW);
    assert_eq!(price(1), Some(NanoUsd(20)));
    let nova = |input| shipped.price(&usage(input, 0), Some("aws.bedrock"), None, "amazon.nova-micro-v1:0", None, NOW);
    assert_eq!(nova(1), Some(NanoUsd(35)));
    let cached = Usage { cache_read: 2, ..usage(2, 0) };
    assert_eq!(shipped.price(&cached, Some("aws.bedrock"), None, "amazon.nova-micro-v1:0", None, NOW), Some(NanoUsd(18)), "17.5 rounds up");
    let huge = Usage { input: u64::MAX, output: u64::MAX, cache_read: u64::MAX, cache_write: u64::MAX, ..Usage::default() };
    assert_eq!(shipped.price(&huge, Some("openai"), None, "gpt-5-pro", None, NOW), Some(NanoUsd(i64::MAX)));
}

/// Reads LiteLLM's own file (`pip download litellm --no-deps`, then unzip), which `KARAT_LITELLM_PRICES` names.
#[test]
#[ignore = "needs LiteLLM's price file; KARAT_LITELLM_PRICES says where it is"]
fn the_full_litellm_file_is_read() {
    let path = std::env::var("KARAT_LITELLM_PRICES").unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let table = PriceTable::parse(&text).unwrap();
    assert!(table.n_models() > 4_000);
    assert!(table.skipped().len() < 10, "{:?}", table.skipped());
    check(&table, call("openai", "gpt-4o", Usage { cache_read: 8_000, ..usage(10_000, 500) }), (15_000_000, 5_000_000));
    check(&table, call("aws.bedrock", "us.anthropic.claude-sonnet-4-5", usage(220_000, 1_000)), (1_452_000_000, 24_750_000));
    check(&table, call("gcp.gemini", "gemini-2.5-pro", Usage { cache_read: 100_000, ..usage(250_000, 4_000) }), (400_000_000, 60_000_000));
}
