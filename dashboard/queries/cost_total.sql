-- cost of a range, for the comparison with the range before
select
  sum(cost_nanousd) as cost_nanousd,
  count(*) as n_calls
from costs
where start_time >= $from
  and start_time < $to
