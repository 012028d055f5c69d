-- What every case of a run came to.
select
  case_id,
  repeat,
  prompt,
  provider,
  outcome,
  trace_id,
  latency_ms,
  output,
  error,
  cast(null as varchar) as case_hash,
  scores
from results
where run_id = $run
order by case_id, repeat
