-- what became of the alerts of a monitor, the latest first
select id, cast(time as bigint) as time_us, slice, kind, state, severity, summary, cause, actor, details
from alerts
where monitor = $monitor
order by time desc
limit 100
