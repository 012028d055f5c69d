-- attempts to tell people, the latest first
select cast(time as bigint) as time_us, notifier, key, outcome
from notifications
where time >= $start
  and time <= $end
order by time desc
