select start_time, trace_id, service_name, root_name,
       duration_ns / 1000000 as ms, n_llm_calls, models, status
from traces
order by duration_ns desc
limit 20
