-- the rows of one page of the trace list; unused ids repeat the last one
select
  trace_id,
  cast(start_time as bigint) as start_us,
  duration_ns,
  left(root_name, 200) as root_name,
  service_name,
  status,
  n_spans,
  n_llm_calls,
  n_errors,
  input_tokens,
  output_tokens,
  cost_nanousd,
  models,
  left(input_text, 300) as input_text,
  left(output_text, 300) as output_text
from traces
where trace_id in (
    $t00, $t01, $t02, $t03, $t04, $t05, $t06, $t07, $t08, $t09,
    $t10, $t11, $t12, $t13, $t14, $t15, $t16, $t17, $t18, $t19,
    $t20, $t21, $t22, $t23, $t24, $t25, $t26, $t27, $t28, $t29,
    $t30, $t31, $t32, $t33, $t34, $t35, $t36, $t37, $t38, $t39,
    $t40, $t41, $t42, $t43, $t44, $t45, $t46, $t47, $t48, $t49
  )
