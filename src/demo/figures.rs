//! What a plan amounts to, day by day: the figures that karat should find in the tables.

use std::collections::BTreeMap;

use collector::price::{PriceTable, Usage};
use measure::text::groundedness;
use schema::Day;

use super::content::help::Article;
use super::models::EMBEDDING_MODEL;
use super::plan::Plan;
use super::scene::whole;
use super::trace::{Message, Step, Trace};

/// One day of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Traces that begin on the day.
    pub n_traces: u64,
    /// Model calls, embeddings and failed attempts among them.
    pub n_calls: u64,
    /// Model calls that failed.
    pub n_errors: u64,
    /// 95th percentile of the duration of model calls, in milliseconds.
    pub latency_ms_p95: f64,
    /// What all calls cost, in nano-dollars.
    pub cost_nanousd: i64,
    /// Mean groundedness of the answers with documents, by the rule of karat's own check.
    pub groundedness: f64,
}

/// What is collected of a day before it is summed up.
#[derive(Default)]
struct Tally {
    figures: Figures,
    latencies_ms: Vec<f64>,
    scores: Vec<f64>,
}

impl Plan {
    /// Sums the plan up by day.
    pub fn figures(&self, prices: &PriceTable) -> BTreeMap<Day, Figures> {
        let mut days: BTreeMap<Day, Tally> = BTreeMap::new();
        for trace in &self.traces {
            days.entry(trace.start().day()).or_default().add(trace, prices);
        }
        days.into_iter().map(|(day, tally)| (day, tally.sum_up())).collect()
    }
}

impl Tally {
    fn add(&mut self, trace: &Trace, prices: &PriceTable) {
        self.figures.n_traces += 1;
        let mut sources: Vec<String> = Vec::new();
        for span in &trace.spans {
            let (provider, model, usage) = match &span.step {
                Step::Retrieve { documents, .. } => {
                    sources = documents.iter().map(|document| Article::text(document.article)).collect();
                    continue;
                }
                Step::Embed { tokens, .. } => ("openai", EMBEDDING_MODEL, Usage { input: *tokens, ..Usage::default() }),
                Step::Chat(chat) => {
                    let (tokens, model) = (chat.tokens, chat.model);
                    let usage = Usage {
                        input: tokens.input,
                        output: tokens.output,
                        cache_read: tokens.cache_read,
                        cache_write: tokens.cache_write,
                        reasoning: tokens.reasoning,
                        ..Usage::default()
                    };
                    if let (None, Message::Assistant(answer)) = (span.failure, &chat.output) {
                        self.scores.extend(groundedness(answer, &sources).map(|found| found.score()));
                    }
                    (model.provider, model.response, usage)
                }
                Step::Chain { .. } | Step::Agent { .. } | Step::Tool { .. } | Step::Request { .. } => continue,
            };
            self.figures.n_calls += 1;
            self.latencies_ms.push((span.end.0 - span.start.0) as f64 / 1_000.0);
            if span.failure.is_some() {
                self.figures.n_errors += 1;
            } else {
                let cost = prices.price(&usage, Some(provider), None, model, None, span.start);
                self.figures.cost_nanousd += cost.map_or(0, |cost| cost.0);
            }
        }
    }

    fn sum_up(mut self) -> Figures {
        self.latencies_ms.sort_by(f64::total_cmp);
        let at = whole(0.95 * self.latencies_ms.len().saturating_sub(1) as f64);
        let p95 = self.latencies_ms.get(usize::try_from(at).unwrap_or_default());
        Figures {
            latency_ms_p95: p95.copied().unwrap_or_default(),
            groundedness: self.scores.iter().sum::<f64>() / self.scores.len() as f64,
            ..self.figures
        }
    }
}
