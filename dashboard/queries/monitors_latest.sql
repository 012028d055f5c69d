-- what the latest look of each monitor said of the whole; faults of files are monitors of their own
select monitor, state, value, baseline, effect, p_value, coverage, n, reason, cast(time as bigint) as time_us, n_slices
from (
  select
    *,
    row_number() over (partition by monitor, slice order by time desc, evaluated_at desc) as nth,
    count(*) filter (where slice <> '' and state in ('ALERT', 'WARN')) over (partition by monitor, time, evaluated_at) as n_slices
  from monitor_states
  where time >= $since
)
where nth = 1
  and slice = ''
order by
  case state when 'ERROR' then 0 when 'ALERT' then 1 when 'WARN' then 2 when 'NO_DATA' then 3 else 4 end,
  monitor
