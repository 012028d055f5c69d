//! The models that the apps call, and how providers fail.

use super::dice::Dice;

/// A model, as the app asks for it and as the provider names it in its answer.
#[derive(Debug, PartialEq)]
pub(super) struct Model {
    /// `gen_ai.provider.name`.
    pub provider: &'static str,
    pub request: &'static str,
    pub response: &'static str,
    /// Median time to the first token.
    pub ttft_ms: f64,
    pub tokens_per_second: f64,
    /// Median of reasoning tokens; 0 for models that do not reason.
    pub reasoning: f64,
    /// The larger sibling to which a router that goes wrong sends the calls.
    pub sibling: Option<&'static Model>,
}

const fn large(provider: &'static str, request: &'static str, response: &'static str) -> Model {
    Model { provider, request, response, ttft_ms: 600.0, tokens_per_second: 80.0, reasoning: 0.0, sibling: None }
}

static GPT_4O: Model = large("openai", "gpt-4o", "gpt-4o-2024-08-06");
static GPT_41: Model = large("azure.ai.openai", "gpt-4.1", "gpt-4.1-2025-04-14");
static GPT_5: Model = large("openai", "gpt-5", "gpt-5-2025-08-07");
static GEMINI_PRO: Model = large("gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro");
static SONNET: Model = large("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929");
static SONNET_BEDROCK: Model = large("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0");

pub(super) static GPT_4O_MINI: Model = Model {
    provider: "openai",
    request: "gpt-4o-mini",
    response: "gpt-4o-mini-2024-07-18",
    ttft_ms: 420.0,
    tokens_per_second: 95.0,
    reasoning: 0.0,
    sibling: Some(&GPT_4O),
};
pub(super) static GEMINI_FLASH: Model = Model {
    provider: "gcp.gemini",
    request: "gemini-2.5-flash",
    response: "gemini-2.5-flash",
    ttft_ms: 460.0,
    tokens_per_second: 140.0,
    reasoning: 60.0,
    sibling: Some(&GEMINI_PRO),
};
pub(super) static HAIKU: Model = Model {
    provider: "anthropic",
    request: "claude-haiku-4-5",
    response: "claude-haiku-4-5-20251001",
    ttft_ms: 520.0,
    tokens_per_second: 110.0,
    reasoning: 0.0,
    sibling: Some(&SONNET),
};
pub(super) static GPT_5_MINI: Model = Model {
    provider: "openai",
    request: "gpt-5-mini",
    response: "gpt-5-mini-2025-08-07",
    ttft_ms: 620.0,
    tokens_per_second: 130.0,
    reasoning: 120.0,
    sibling: Some(&GPT_5),
};
pub(super) static HAIKU_BEDROCK: Model = Model {
    provider: "aws.bedrock",
    request: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    response: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    ttft_ms: 560.0,
    tokens_per_second: 100.0,
    reasoning: 0.0,
    sibling: Some(&SONNET_BEDROCK),
};
pub(super) static GPT_41_MINI: Model = Model {
    provider: "azure.ai.openai",
    request: "gpt-4.1-mini",
    response: "gpt-4.1-mini-2025-04-14",
    ttft_ms: 500.0,
    tokens_per_second: 90.0,
    reasoning: 0.0,
    sibling: Some(&GPT_41),
};

/// The model of all embeddings.
pub(super) const EMBEDDING_MODEL: &str = "text-embedding-3-small";

/// A call that fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Failure {
    /// `error.type`.
    pub error_type: &'static str,
    pub message: &'static str,
    /// HTTP status, where an answer came at all.
    pub http_status: Option<i64>,
    /// Median time until it failed.
    pub after_ms: f64,
}

const fn failure(error_type: &'static str, message: &'static str, http_status: Option<i64>, after_ms: f64) -> Failure {
    Failure { error_type, message, http_status, after_ms }
}

impl Model {
    /// Draws how a call of this model fails: mostly by a rate limit, now and then by a timeout.
    pub fn failure(&self, dice: &mut Dice) -> Failure {
        let (limit, overload) = match self.provider {
            "anthropic" => (
                failure("RateLimitError", "Error code: 429 - this request would exceed your organization's rate limit", Some(429), 160.0),
                failure("OverloadedError", "Error code: 529 - Overloaded", Some(529), 400.0),
            ),
            "aws.bedrock" => (
                failure("ThrottlingException", "Too many requests, please wait before trying again.", Some(429), 140.0),
                failure("ServiceUnavailableException", "Bedrock is unable to process your request.", Some(503), 500.0),
            ),
            "gcp.gemini" => (
                failure("ResourceExhausted", "429 Resource has been exhausted (e.g. check quota).", Some(429), 150.0),
                failure("ServiceUnavailable", "503 The model is overloaded. Please try again later.", Some(503), 450.0),
            ),
            _ => (
                failure("RateLimitError", "Error code: 429 - Rate limit reached for requests", Some(429), 150.0),
                failure("InternalServerError", "Error code: 500 - The server had an error while processing your request", Some(500), 700.0),
            ),
        };
        let timeout = failure("APITimeoutError", "Request timed out.", None, 15_000.0);
        [limit, overload, timeout][dice.weighted([0.7, 0.22, 0.08].into_iter())]
    }
}
