-- One row an execution of a tool. A span that was sent again counts once, as it was sent last.
select
  trace_id,
  span_id,
  parent_span_id,
  start_time,
  duration_ns,
  date,
  service_name,
  tool_name,
  tool_call_id,
  tool_arguments,
  tool_result,
  status,
  error_type,
  session_id,
  agent_name
from latest_spans
where operation = 'execute_tool'
