-- alerts that are not resolved, by monitor
select monitor, severity, state, cast(count(*) as double) as n
from (
  select *, row_number() over (partition by id order by time desc) as nth
  from alerts
  where time >= $since
)
where nth = 1
  and state <> 'resolved'
group by monitor, severity, state
