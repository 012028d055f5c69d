-- after matched.sql: a page of traces, upwards from a place
select
  trace_id,
  cast(start_time as bigint) as start_us
from matched
where start_time > $place_time
  or (start_time = $place_time and trace_id > $place_id)
order by matched.start_time, trace_id
limit 51
