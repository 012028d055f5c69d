-- What every case of a run came to.
select
  case_id,
  case_hash,
  repeat,
  prompt,
  provider,
  outcome,
  trace_id,
  latency_ms,
  output,
  error,
  scores
from results
where run_id = $run
order by case_id, repeat
