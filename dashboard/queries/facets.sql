-- what the filters of the trace list offer: services and models that were seen in the range
select facet, value, n
from (
  select 'service' as facet, service_name as value, count(*) as n
  from spans
  where start_time >= $from
    and start_time < $to
    and service_name is not null
  group by service_name
  union all
  select 'model' as facet, coalesce(response_model, request_model) as value, count(*) as n
  from spans
  where start_time >= $from
    and start_time < $to
    and is_llm_call
    and coalesce(response_model, request_model) is not null
  group by coalesce(response_model, request_model)
)
order by facet, n desc, value
limit 400
