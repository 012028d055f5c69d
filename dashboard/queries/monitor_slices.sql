-- the slices that the latest look of a monitor had a word on
select slice, state, value, baseline, effect, p_value, coverage, n, reason
from (
  select *, max(time) over () as latest, row_number() over (partition by slice, time order by evaluated_at desc) as nth
  from monitor_states
  where monitor = $monitor
    and time >= $since
)
where time = latest
  and nth = 1
  and slice <> ''
order by abs(effect) desc nulls last
limit 50
