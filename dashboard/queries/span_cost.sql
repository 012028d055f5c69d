-- what a model call cost, after any repricing
select
  cost_nanousd,
  cost_source
from costs
where trace_id = $trace
  and span_id = $span
limit 1
