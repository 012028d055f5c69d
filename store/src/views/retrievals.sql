-- One row a retrieval of documents. A span that was sent again counts once, as it was sent last.
--
-- query: What was looked for.
-- n_documents: Number of documents that were found; null where the sender did not say.
select
  trace_id,
  span_id,
  start_time,
  duration_ns,
  date,
  service_name,
  input_text as query,
  documents,
  cast(json_length(documents) as bigint) as n_documents,
  status,
  session_id
from latest_spans
where operation = 'retrieval'
