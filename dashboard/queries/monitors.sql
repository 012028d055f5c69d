-- how the monitors stand: the latest state of each slice
select
  state,
  count(*) as n,
  cast(max(time) as bigint) as time_us
from (
  select state, time, row_number() over (partition by monitor, slice order by time desc) as nth
  from monitor_states
)
where nth = 1
group by state
order by state
