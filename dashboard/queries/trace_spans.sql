-- the spans of a trace, without any of the big text
select
  span_id,
  parent_span_id,
  start_unix_nano,
  duration_ns,
  cast(ingested_at as bigint) as ingested_us,
  left(name, 300) as name,
  kind,
  status,
  operation,
  is_llm_call,
  service_name,
  left(coalesce(response_model, request_model), 200) as model,
  left(tool_name, 200) as tool_name,
  left(agent_name, 200) as agent_name,
  session_id,
  user_id,
  environment
from spans
where trace_id = $trace
