-- scores by evaluator and bucket of time; a verdict that was given twice counts once; the row without a bucket is the whole.
-- A verdict is never older than its target, which `time` is pruned by; a day is left for clocks that disagree.
with verdicts as (
  select
    id,
    evaluator,
    min(target_time) as target_time,
    max(value) as value,
    bool_and(passed) as passed,
    max(outcome) as outcome,
    max(trace_id) as trace_id,
    max(span_id) as span_id
  from scores
  where time >= $scored_from
    and target_time >= $from
    and target_time < $to
    and run_id is null
  group by id, evaluator
)
select
  evaluator,
  bucket,
  count(case when outcome = 'value' then 1 end) as n_scored,
  count(case when outcome = 'not_applicable' then 1 end) as n_not_applicable,
  count(case when outcome = 'failed' then 1 end) as n_failed,
  count(case when outcome = 'value' and passed = false then 1 end) as n_not_passed,
  count(case when outcome = 'value' and passed is not null then 1 end) as n_decided,
  count(case when span_id is null then 1 end) as n_on_traces,
  avg(case when outcome = 'value' then value end) as mean
from (
  select evaluator, outcome, passed, value, span_id, (cast(target_time as bigint) - $grid_start) / $grid_width as bucket
  from verdicts
)
group by grouping sets ((evaluator, bucket), (evaluator))
order by evaluator, bucket
