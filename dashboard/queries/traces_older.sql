-- after matched.sql: a page of traces, downwards from a place
select
  trace_id,
  cast(start_time as bigint) as start_us
from matched
where $place_time is null
  or start_time < $place_time
  or (start_time = $place_time and trace_id < $place_id)
order by matched.start_time desc, trace_id desc
limit 51
