-- windows of alerts that fired in the range, to be shaded on the charts
select
  cast(min(coalesce(window_start, time)) as bigint) as from_us,
  cast(max(coalesce(window_end, time)) as bigint) as to_us
from alerts
where state = 'firing'
group by id
having min(coalesce(window_start, time)) < $to
  and max(coalesce(window_end, time)) >= $from
