-- Twelve questions of analysts, in the SQL that karat and DuckDB share. `benches/queries.sh` asks both and compares the answers.
-- Each has a name above it; each answer has one order, so that it can be compared row by row.

-- name: calls_by_model
select response_model, count(*) as calls, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens, sum(cost_nanousd) as cost
from spans where is_llm_call group by response_model order by calls desc, response_model;

-- name: errors_by_service_and_day
select date, service_name, count(*) as calls, sum(case when status = 'error' then 1 else 0 end) as errors
from spans group by date, service_name order by date, service_name;

-- name: latency_by_model
select response_model, percentile_cont(0.5) within group (order by duration_ns) as p50, percentile_cont(0.95) within group (order by duration_ns) as p95
from spans group by response_model order by response_model;

-- name: traffic_by_hour
select date_trunc('hour', start_time) as hour, count(*) as calls, sum(output_tokens) as output_tokens
from spans where start_time >= timestamp '2026-11-15 00:00:00+00' group by hour order by hour;

-- name: dearest_users
select user_id, count(*) as calls, sum(cost_nanousd) as cost from spans group by user_id order by cost desc, user_id limit 20;

-- name: longest_sessions
select session_id, count(*) as calls, sum(input_tokens + output_tokens) as tokens, min(start_time) as first_call
from spans group by session_id order by tokens desc, session_id limit 20;

-- name: one_trace
select span_id, name, start_unix_nano, duration_ns, status, response_model, input_text
from spans where trace_id = '0000000000030d400000000000abcdef' order by span_id;

-- name: one_session
select trace_id, span_id, start_unix_nano, response_model, output_text from spans where session_id = 'session-31337' order by span_id;

-- name: said_in_answers
select response_model, count(*) as calls from spans where output_text like '%customs vault parcel%' group by response_model order by response_model;

-- name: slowest_calls
select trace_id, span_id, response_model, duration_ns, input_text from spans order by duration_ns desc, span_id limit 50;

-- name: people_a_day
select date, count(distinct user_id) as users, count(distinct session_id) as sessions from spans group by date order by date;

-- name: traces_that_failed_twice
select trace_id, count(*) as errors, count(distinct response_model) as models, sum(cost_nanousd) as cost
from spans where status = 'error' group by trace_id having count(*) > 1 order by errors desc, trace_id limit 100;
