select *
from (
{select}
) as observations
where "time" >= $start
  and "time" < $end
  and substr(trace_id, 25, 8) < $sample
