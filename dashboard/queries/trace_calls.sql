-- tokens and cost of a trace, one row a model call, so that nothing is counted twice
select
  span_id,
  model,
  input_tokens,
  output_tokens,
  cost_nanousd
from costs
where trace_id = $trace
