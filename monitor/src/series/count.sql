select cast(count(*) as double) as n
from (
{select}
) as observations
where "time" >= $start
  and "time" < $end
