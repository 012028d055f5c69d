-- versions of services, versions of prompts and models that a service had not used before, by when they were seen first
select kind, service_name, name, cast(first_time as bigint) as time_us
from (
  select kind, service_name, name, min(start_time) as first_time, min(min(start_time)) over (partition by kind, service_name) as service_first
  from (
    select 'version' as kind, service_name, service_version as name, start_time
    from llm_calls
    where service_version is not null
      and start_time >= $since
      and start_time < $to
    union all
    select 'prompt' as kind, service_name, concat(prompt_name, ' v', prompt_version) as name, start_time
    from llm_calls
    where prompt_version is not null
      and start_time >= $since
      and start_time < $to
    union all
    select 'model' as kind, service_name, model as name, start_time
    from llm_calls
    where model is not null
      -- a call that failed has no answer that names its model, and stands under the name that was asked for
      and status <> 'error'
      and start_time >= $since
      and start_time < $to
  )
  group by kind, service_name, name
)
-- models are used side by side: those of a service's first day are what it began with
where first_time > service_first + case kind when 'model' then interval '1 day' else interval '0 day' end
  and first_time >= $from
order by first_time desc
limit 50
