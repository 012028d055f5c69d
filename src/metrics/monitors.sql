-- what the latest look of each monitor said of the whole and of each slice
select monitor, slice, state, value, baseline, effect, coverage, cast(time as bigint) as time_us
from (
  select
    *,
    row_number() over (partition by monitor, slice, time order by evaluated_at desc) as nth,
    max(time) over (partition by monitor) as latest
  from monitor_states
  where time >= $since
)
where nth = 1
  and time = latest
order by monitor, slice
