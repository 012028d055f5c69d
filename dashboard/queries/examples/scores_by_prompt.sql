select s.evaluator, l.prompt_name, l.prompt_version, count(*) as n,
       round(avg(s.value), 3) as mean,
       sum(case when s.passed = false then 1 else 0 end) as failed
from scores s
join llm_calls l on s.trace_id = l.trace_id and s.span_id = l.span_id
where s.outcome = 'value'
group by s.evaluator, l.prompt_name, l.prompt_version
order by s.evaluator, mean
