-- the observations that an alert is about by what answered them, in the window and in the time before it
with observations as (
{select}
),
seen as (
  select "time", {value} as value, trace_id
  from (
    select "time", {number} as number, trace_id
    from observations
    where {only}
  ) as numbers
  where "time" >= $start
    and "time" < $end
    and number is not null
),
calls as (
  select
    trace_id,
    start_time,
    service_name,
    service_version,
    prompt_name,
    prompt_version,
    -- a call that failed has no answer that names its model: more of them are no other mix of models
    coalesce(response_model, case when request_model is not null then max(response_model) over (partition by request_model) end, model) as model,
    request_model
  from llm_calls
  where start_time >= $start
    and start_time < $end
),
-- the call that an observation is about, else the first of its trace
traces as (
  select
    trace_id,
    first_value(service_name order by start_time) as service_name,
    first_value(service_version order by start_time) as service_version,
    first_value(prompt_name order by start_time) as prompt_name,
    first_value(prompt_version order by start_time) as prompt_version,
    first_value(model order by start_time) as model,
    first_value(request_model order by start_time) as request_model
  from calls
  group by trace_id
)
select
  s."time" >= $window as is_current,
  coalesce(c.service_name, t.service_name, '') as service,
  coalesce(c.service_version, t.service_version, '') as version,
  coalesce(concat(c.prompt_name, ' v', c.prompt_version), concat(t.prompt_name, ' v', t.prompt_version), '') as prompt,
  coalesce(c.model, t.model, '') as model,
  cast(count(*) as double) as n,
  avg(s.value) as mean,
  cast(min(s."time") as bigint) as first_us
from seen s
join traces t on t.trace_id = s.trace_id
left join calls c on c.trace_id = s.trace_id and c.start_time = s."time"
where not isnan(s.value)
group by 1, 2, 3, 4, 5
order by n desc
limit 5000
