select
  (select count(*) from spans where trace_id = $id) as n_spans,
  (select count(*) from logs where trace_id = $id) as n_logs,
  (select count(*) from scores where trace_id = $id) as n_scores
