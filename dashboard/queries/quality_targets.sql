-- what could have been scored: the model calls of a range that give an answer, and the traces that they belong to
select
  count(*) as n_calls,
  count(distinct trace_id) as n_traces
from llm_calls
where start_time >= $from
  and start_time < $to
  and coalesce(operation, '') not in ('embeddings', 'rerank')
