//! Token counts: out of usage objects of any provider, and to inclusive totals.

use serde_json::{Map, Value};

use super::value::json_int;

/// Token counts as sent; `settle` makes the totals inclusive.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    pub input: Option<i64>,
    pub output: Option<i64>,
    pub total: Option<i64>,
    pub cache_read: Option<i64>,
    pub cache_write: Option<i64>,
    pub cache_write_1h: Option<i64>,
    pub reasoning: Option<i64>,
    pub audio_input: Option<i64>,
    pub audio_output: Option<i64>,
    /// The input count is known to leave cached tokens out.
    pub input_is_fresh: bool,
    /// The output count is known to leave reasoning out.
    pub output_is_visible: bool,
}

impl Usage {
    /// Whether any count is known.
    pub(super) fn is_known(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    /// Takes what a usage object says where nothing is known yet.
    pub(super) fn fill(&mut self, value: &Value) {
        if let Value::Object(map) = value {
            self.fill_within(map, 0);
        }
    }

    fn fill_within(&mut self, map: &Map<String, Value>, depth: usize) {
        let count = |keys: &[&str]| keys.iter().find_map(|key| map.get(*key).and_then(json_int));
        let put = |place: &mut Option<i64>, found: Option<i64>| {
            if place.is_none() {
                *place = found;
            }
        };
        if self.input.is_none() && self.output.is_none() {
            let visible = count(&["candidatesTokenCount", "candidates_token_count"]);
            self.output_is_visible = visible.is_some();
        }
        put(&mut self.input, count(INPUT));
        put(&mut self.output, count(OUTPUT));
        put(&mut self.total, count(&["total_tokens", "totalTokens", "total", "totalTokenCount", "total_token_count"]));
        put(&mut self.cache_read, count(CACHE_READ));
        put(&mut self.cache_write, count(CACHE_WRITE));
        put(&mut self.reasoning, count(REASONING));
        put(&mut self.audio_input, count(&["input_audio_tokens"]));
        put(&mut self.audio_output, count(&["output_audio_tokens"]));
        if depth > 2 {
            return;
        }
        for (key, value) in map {
            let Value::Object(inner) = value else { continue };
            match key.as_str() {
                "prompt_tokens_details" | "input_tokens_details" | "input_token_details" | "inputTokenDetails" | "inputTokens" | "prompt_details" => {
                    self.fill_input(inner);
                }
                "completion_tokens_details" | "output_tokens_details" | "output_token_details" | "outputTokenDetails" | "outputTokens" => {
                    self.fill_output(inner);
                }
                "cache_creation" => {
                    let found = inner.get("ephemeral_1h_input_tokens").and_then(json_int);
                    put(&mut self.cache_write_1h, found);
                }
                "token_usage" | "usage" | "tokens" | "usage_metadata" | "usageMetadata" => self.fill_within(inner, depth + 1),
                _ => {}
            }
        }
    }

    fn fill_input(&mut self, details: &Map<String, Value>) {
        let count = |keys: &[&str]| keys.iter().find_map(|key| details.get(*key).and_then(json_int));
        self.input = self.input.or_else(|| count(&["total"]));
        self.cache_read =
            self.cache_read.or_else(|| count(&["cached_tokens", "cache_read", "cacheReadTokens", "cacheRead", "cached", "cache_read_tokens"]));
        self.cache_write =
            self.cache_write.or_else(|| count(&["cache_creation", "cache_write", "cacheWriteTokens", "cacheWrite", "cache_creation_tokens"]));
        self.audio_input = self.audio_input.or_else(|| count(&["audio_tokens", "audio"]));
    }

    fn fill_output(&mut self, details: &Map<String, Value>) {
        let count = |keys: &[&str]| keys.iter().find_map(|key| details.get(*key).and_then(json_int));
        self.output = self.output.or_else(|| count(&["total"]));
        self.reasoning = self.reasoning.or_else(|| count(&["reasoning_tokens", "reasoning", "reasoningTokens"]));
        self.audio_output = self.audio_output.or_else(|| count(&["audio_tokens", "audio"]));
    }

    /// Makes `input` include cached tokens and `output` include reasoning.
    ///
    /// A total that only adds up one way decides. Without it, a count that is less than its parts cannot include them.
    pub(super) fn settle(&mut self) {
        for count in [&mut self.input, &mut self.output, &mut self.cache_read, &mut self.cache_write, &mut self.reasoning] {
            *count = count.filter(|count| *count >= 0);
        }
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        let thought = self.reasoning.unwrap_or(0);
        if let (Some(input), Some(output), Some(total)) = (self.input, self.output, self.total) {
            let base = input.saturating_add(output);
            self.input_is_fresh |= cached > 0 && base.saturating_add(cached) == total;
            self.output_is_visible |= thought > 0 && base.saturating_add(thought) == total;
            if cached > 0 && thought > 0 && base.saturating_add(cached).saturating_add(thought) == total {
                (self.input_is_fresh, self.output_is_visible) = (true, true);
            }
        }
        if let Some(input) = self.input
            && (self.input_is_fresh || input < cached)
        {
            self.input = Some(input.saturating_add(cached));
        }
        if let Some(output) = self.output
            && (self.output_is_visible || output < thought)
        {
            self.output = Some(output.saturating_add(thought));
        }
    }
}

const INPUT: &[&str] = &[
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "input",
    "prompt",
    "promptTokenCount",
    "prompt_token_count",
    "inputTokenCount",
    "prompt_eval_count",
    "tokens",
];
const OUTPUT: &[&str] = &[
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "output",
    "completion",
    "candidatesTokenCount",
    "candidates_token_count",
    "outputTokenCount",
    "eval_count",
];
const CACHE_READ: &[&str] = &[
    "cache_read_input_tokens",
    "cache_read_tokens",
    "input_cached_tokens",
    "cachedInputTokens",
    "cacheReadInputTokens",
    "cacheReadTokens",
    "cached_tokens",
    "cachedContentTokenCount",
    "cachedContentTokens",
    "prompt_cached_tokens",
    "cached_content_token_count",
    "cache_read",
    "cached_input_tokens",
    "input_cache_read",
    "prompt_cache_hit_tokens",
    "cacheReadInputTokenCount",
];
const CACHE_WRITE: &[&str] = &[
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
    "cacheWriteInputTokens",
    "cacheCreationInputTokens",
    "cache_write_tokens",
    "cache_creation_tokens",
    "cacheWriteTokens",
    "input_cache_creation",
    "cacheWriteInputTokenCount",
];
const REASONING: &[&str] = &[
    "reasoning_tokens",
    "output_reasoning_tokens",
    "reasoningTokens",
    "thoughtsTokenCount",
    "thoughtsTokens",
    "completion_reasoning_tokens",
    "thoughts_token_count",
    "reasoning_output_tokens",
    "reasoning",
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Usage;

    #[track_caller]
    fn check(usage: &Value, expect: (i64, i64)) {
        let mut read = Usage::default();
        read.fill(usage);
        read.settle();
        assert_eq!((read.input.unwrap(), read.output.unwrap()), expect);
    }

    #[test]
    fn totals_are_inclusive() {
        check(&json!({"prompt_tokens": 1301, "completion_tokens": 72, "prompt_tokens_details": {"cached_tokens": 1024}}), (1301, 72));
        check(&json!({"input_tokens": 21, "cache_read_input_tokens": 1024, "cache_creation_input_tokens": 256, "output_tokens": 8}), (1301, 8));
        check(&json!({"promptTokenCount": 10, "candidatesTokenCount": 8, "thoughtsTokenCount": 64, "totalTokenCount": 82}), (10, 72));
        check(&json!({"input": 500, "output": 5, "input_cached_tokens": 100, "total": 605}), (600, 5));
    }
}
