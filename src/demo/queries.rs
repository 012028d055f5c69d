//! Questions that a person would ask of the sample data.

/// Three questions, each with its SQL; one line each, without double quotes, so that a shell takes them as they are.
pub const QUERIES: [(&str, &str); 3] = [
    (
        "What does each model cost, and how slow is it?",
        "select coalesce(request_model, model) as asked_for, count(*) as calls, round(sum(cost_nanousd) / 1e9, 4) as usd, round(approx_percentile_cont(duration_ns, 0.95) / 1e6) as p95_ms from llm_calls group by asked_for order by usd desc",
    ),
    (
        "On which day did answers stop following the documents?",
        "select cast(target_time as date) as day, count(value) as answers, round(avg(value), 3) as groundedness from scores where evaluator = 'groundedness' group by day order by groundedness limit 5",
    ),
    (
        "Which failed traces took longest?",
        "select start_time, service_name, root_name, round(duration_ns / 1e9, 1) as seconds, n_errors, trace_id from traces where status = 'error' order by duration_ns desc limit 10",
    ),
];
