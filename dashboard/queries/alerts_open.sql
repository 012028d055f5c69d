-- alerts that are not resolved: the latest transition of each, with the moment at which it first fired
select
  id,
  monitor,
  slice,
  kind,
  state,
  severity,
  summary,
  cast(time as bigint) as time_us,
  cast(first_time as bigint) as since_us,
  value,
  baseline,
  effect,
  p_value,
  cast(coalesce(window_start, first_window) as bigint) as window_start_us,
  cast(coalesce(window_end, last_window) as bigint) as window_end_us,
  runbook,
  actor,
  details
from (
  select
    *,
    row_number() over (partition by id order by time desc) as nth,
    min(time) over (partition by id) as first_time,
    min(window_start) over (partition by id) as first_window,
    max(window_end) over (partition by id) as last_window
  from alerts
)
where nth = 1
  and state <> 'resolved'
order by
  case state when 'firing' then 0 when 'acknowledged' then 1 when 'pending' then 2 else 3 end,
  case severity when 'page' then 0 when 'ticket' then 1 else 2 end,
  first_time desc
