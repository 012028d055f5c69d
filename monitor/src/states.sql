select *
from monitor_states
where time > $start
  and time <= $end
order by time desc, evaluated_at desc
