-- the scores of a trace and of its spans; of a verdict that was given twice the first
select
  span_id,
  evaluator,
  max(evaluator_version) as evaluator_version,
  max(outcome) as outcome,
  max(value) as value,
  max(label) as label,
  bool_and(passed) as passed,
  max(reason) as reason,
  max(source) as source,
  max(judge_model) as judge_model,
  cast(min(time) as bigint) as time_us
from scores
where trace_id = $trace
group by id, span_id, evaluator
order by evaluator, min(time)
limit 2000
