select tool_name, count(*) as calls,
       sum(case when status = 'error' then 1 else 0 end) as failed,
       round(avg(duration_ns) / 1000000, 1) as mean_ms
from tool_calls
group by tool_name
order by failed desc, calls desc
