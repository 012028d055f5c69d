//! The row of `scores`.

use crate::id::{SpanId, TraceId};
use crate::rows::table_row;
use crate::unit::{Day, Micros, NanoUsd};

table_row! {
    /// A verdict of an evaluator on one target.
    Score in Scores {
        /// Hash of evaluator, version, target and input: the same verdict on the same thing has the same id.
        id: String,
        /// When the verdict was given, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// When the target happened, in UTC, so that a series of scores lies where its spans lie.
        target_time: Micros,
        /// Name of the evaluator, such as `groundedness`.
        evaluator: String,
        /// Version of the evaluator; a change of rule, prompt or model changes it.
        evaluator_version: String,
        /// Trace that was judged.
        trace_id: Option<TraceId>,
        /// Span that was judged; null where the verdict is about the whole trace or session.
        span_id: Option<SpanId>,
        /// Session that was judged, or that the target belongs to.
        session_id: Option<String>,
        /// Response that was judged, where the sender named it by the provider's id alone.
        response_id: Option<String>,
        /// Run of a suite that gave the verdict.
        run_id: Option<String>,
        /// `value`, `not_applicable` (there was nothing to judge) or `failed` (the evaluator could not judge).
        outcome: String,
        /// The score, where the outcome is `value`.
        value: Option<f64>,
        /// The label, for evaluators that give one.
        label: Option<String>,
        /// Whether the target passed, for evaluators that decide.
        passed: Option<bool>,
        /// Why, in the evaluator's words.
        reason: Option<String>,
        /// Who gave the verdict: `check`, `judge`, `human`, `otlp` or `api`.
        source: String,
        /// Model of the judge.
        judge_model: Option<String>,
        /// Input tokens that the judge used.
        judge_input_tokens: Option<i64>,
        /// Output tokens that the judge used.
        judge_output_tokens: Option<i64>,
        /// What the judge cost, in nano-dollars.
        judge_cost_nanousd: Option<NanoUsd>,
        /// Anything else that the evaluator said, a JSON object.
        metadata: Option<String>,
    }
}
