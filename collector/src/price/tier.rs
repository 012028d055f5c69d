//! Tiers of service: what the provider billed a call as.

/// A tier of service with rates of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServiceTier {
    /// List price.
    Standard,
    /// A batch job: rates end in `_batches`.
    Batch,
    /// Slow and cheap.
    Flex,
    /// Between flex and standard.
    Balanced,
    /// Fast and dear; also called `fast`.
    Priority,
    /// Faster and dearer still.
    Ultrafast,
}

impl ServiceTier {
    /// The suffixes that rate keys bear.
    const SUFFIXES: [(&str, Self); 5] = [
        ("_batches", Self::Batch),
        ("_flex", Self::Flex),
        ("_balanced", Self::Balanced),
        ("_priority", Self::Priority),
        ("_ultrafast", Self::Ultrafast),
    ];

    /// Reads the tier that a span reports; what is not known, `auto` and `default` among it, is billed as standard.
    pub fn of_span(reported: Option<&str>) -> Self {
        let Some(reported) = reported else { return Self::Standard };
        match reported.to_ascii_lowercase().as_str() {
            "batch" | "batches" => Self::Batch,
            "flex" | "on_demand_flex" => Self::Flex,
            "balanced" => Self::Balanced,
            "priority" | "fast" | "on_demand_priority" => Self::Priority,
            "ultrafast" => Self::Ultrafast,
            _ => Self::Standard,
        }
    }

    /// Cuts a tier's suffix from the front of the rest of a rate key.
    pub fn cut_suffix(rest: &str) -> Option<(Self, &str)> {
        Self::SUFFIXES.iter().find_map(|(suffix, tier)| Some((*tier, rest.strip_prefix(suffix)?)))
    }
}
