-- the scores of one page of the trace list: a mean a trace and evaluator; a verdict that was given twice counts once
select
  trace_id,
  evaluator,
  avg(value) as mean,
  count(*) as n,
  sum(case when passed = false then 1 else 0 end) as n_failed
from (
  select trace_id, evaluator, id, max(value) as value, bool_and(passed) as passed
  from scores
  where outcome = 'value'
    and trace_id in (
    $t00, $t01, $t02, $t03, $t04, $t05, $t06, $t07, $t08, $t09,
    $t10, $t11, $t12, $t13, $t14, $t15, $t16, $t17, $t18, $t19,
    $t20, $t21, $t22, $t23, $t24, $t25, $t26, $t27, $t28, $t29,
    $t30, $t31, $t32, $t33, $t34, $t35, $t36, $t37, $t38, $t39,
    $t40, $t41, $t42, $t43, $t44, $t45, $t46, $t47, $t48, $t49
    )
  group by trace_id, evaluator, id
)
group by trace_id, evaluator
order by trace_id, evaluator
