select service_name, model, error_type, count(*) as calls,
       min(start_time) as first_seen, max(start_time) as last_seen
from llm_calls
where status = 'error'
group by service_name, model, error_type
order by calls desc
