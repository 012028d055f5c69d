-- cost by service
select
  service_name,
  sum(cost_nanousd) as cost_nanousd
from costs
where start_time >= $from
  and start_time < $to
group by service_name
