-- The spans of one trace, for checks that look at what happened.
select
  name,
  start_unix_nano,
  duration_ns,
  status,
  status_message,
  tool_name,
  tool_arguments,
  attributes
from spans
where trace_id = $trace_id
order by start_unix_nano
