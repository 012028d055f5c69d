select service_name, count(*) as calls,
       psi(duration_ns / 1e9, start_time >= now() - interval '1 day') as psi,
       ks_p_value(duration_ns / 1e9, start_time >= now() - interval '1 day') as p_value
from llm_calls
where start_time >= now() - interval '8 days'
group by service_name
order by psi desc
