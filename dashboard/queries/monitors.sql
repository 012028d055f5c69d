-- how the monitors stand: what the latest look of each said of every slice; a slice that it no longer sees does not count
select
  state,
  count(*) as n,
  cast(max(time) as bigint) as time_us
from (
  select
    state,
    time,
    max(time) over (partition by monitor) as latest,
    row_number() over (partition by monitor, slice, time order by evaluated_at desc) as nth
  from monitor_states
  where time >= $since
)
where time = latest
  and nth = 1
group by state
order by state
