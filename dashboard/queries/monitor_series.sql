-- the looks of one monitor over time, each as it was seen last
select cast(time as bigint) as time_us, state, value, baseline, coverage
from (
  select *, row_number() over (partition by time order by evaluated_at desc) as nth
  from monitor_states
  where monitor = $monitor
    and slice = ''
    and time >= $from
    and time < $to
)
where nth = 1
order by time
