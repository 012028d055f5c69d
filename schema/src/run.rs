//! The rows of `runs`, `results`, `labels`, `spend` and `repricings`.

use crate::id::{SpanId, TraceId};
use crate::rows::table_row;
use crate::unit::{Day, Micros, NanoUsd};

table_row! {
    /// A run of a suite, with its verdict.
    Run in Runs {
        /// Id of the run, sortable by time.
        id: String,
        /// When the run began, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Path of the suite.
        suite: String,
        /// How long the run took, in milliseconds.
        duration_ms: i64,
        /// Commit that was checked out.
        git_commit: Option<String>,
        /// Branch that was checked out.
        git_branch: Option<String>,
        /// Hashes of suite, dataset, prompts and judges, a JSON object.
        hashes: Option<String>,
        /// `PASS`, `REGRESSED`, `INCONCLUSIVE` or `ERROR`.
        outcome: String,
        /// Exit code of the run.
        exit_code: i64,
        /// The verdict in a sentence.
        summary: String,
        /// Cases that were run.
        n_cases: i64,
        /// Repeats of each case.
        n_repeats: i64,
        /// What the run cost, in nano-dollars.
        cost_nanousd: Option<NanoUsd>,
        /// The metrics with their tests, a JSON list as in the report.
        metrics: Option<String>,
    }
}

table_row! {
    /// One case of a run.
    CaseResult in Results {
        /// Run that the case belongs to.
        run_id: String,
        /// When the case was run, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Id of the case in its dataset.
        case_id: String,
        /// Hash of the case without its answer: another hash is another case under the same id.
        case_hash: Option<String>,
        /// Number of the repeat, from 0.
        repeat: i64,
        /// Prompt that was used.
        prompt: Option<String>,
        /// Provider that answered.
        provider: Option<String>,
        /// `pass`, `fail`, `scored` or `error`.
        outcome: String,
        /// Trace of the call, where there is one.
        trace_id: Option<TraceId>,
        /// How long the call took, in milliseconds.
        latency_ms: Option<i64>,
        /// What the call cost, in nano-dollars.
        cost_nanousd: Option<NanoUsd>,
        /// What was answered.
        output: Option<String>,
        /// What went wrong.
        error: Option<String>,
        /// Scores of the case, a JSON list as in the report.
        scores: Option<String>,
    }
}

table_row! {
    /// What a person said about one target.
    Label in Labels {
        /// When the person said it, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Name of what was judged, such as `groundedness`.
        name: String,
        /// Trace that was judged.
        trace_id: Option<TraceId>,
        /// Span that was judged.
        span_id: Option<SpanId>,
        /// The value, for numeric labels.
        value: Option<f64>,
        /// The label, for named ones.
        label: Option<String>,
        /// Who said it.
        annotator: Option<String>,
        /// What the person added in words.
        comment: Option<String>,
    }
}

table_row! {
    /// One call of a judge.
    Spend in Spend {
        /// When the call was made, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// What the call was for: the evaluator's name.
        purpose: String,
        /// Run of a suite that it was made for.
        run_id: Option<String>,
        /// Model that was called.
        model: String,
        /// Input tokens used.
        input_tokens: Option<i64>,
        /// Output tokens used.
        output_tokens: Option<i64>,
        /// What it cost, in nano-dollars.
        cost_nanousd: Option<NanoUsd>,
        /// `ok` or the class of the error.
        outcome: String,
    }
}

table_row! {
    /// A later price of a span.
    Repricing in Repricings {
        /// When the span was priced again, in UTC.
        time: Micros,
        /// Partition: the UTC day of `time`.
        date: Day,
        /// Trace of the span.
        trace_id: TraceId,
        /// The span.
        span_id: SpanId,
        /// The new cost, in nano-dollars.
        cost_nanousd: Option<NanoUsd>,
        /// Date of the price table that was used.
        price_version: String,
    }
}
