-- One row a session or conversation, over the traces that belong to it.
--
-- user_id: End user.
-- start_time: When the first trace began, in UTC.
-- end_time: When the last trace ended, in UTC.
-- n_traces: Number of traces.
-- n_llm_calls: Number of calls of a model.
-- n_errors: Number of spans that failed.
-- input_tokens: All input tokens of the model calls, each counted once.
-- output_tokens: All output tokens of the model calls, each counted once.
-- cost_nanousd: Cost of the model calls in nano-dollars, each counted once; null where nothing could be priced.
-- service_name: Name of the service; the first in the alphabet where there are several.
select
  session_id,
  max(user_id) as user_id,
  min(start_time) as start_time,
  max(end_time) as end_time,
  count(*) as n_traces,
  sum(n_llm_calls) as n_llm_calls,
  sum(n_errors) as n_errors,
  sum(input_tokens) as input_tokens,
  sum(output_tokens) as output_tokens,
  sum(cost_nanousd) as cost_nanousd,
  min(service_name) as service_name
from traces
where session_id is not null
group by session_id
