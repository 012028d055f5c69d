select *
from (
{select}
) as observations
where "time" >= $start
  and "time" < $end
