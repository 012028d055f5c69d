-- One row a call of a model with what it cost; a later price of the same span takes the place of the first.
--
-- model: The model that answered, else the one that was asked for.
-- cost_nanousd: Cost in nano-dollars (1 USD = 1,000,000,000); null where nothing could price the call.
-- cost_usd: The same cost in dollars.
-- cost_source: Where the cost came from: reported by the sender, priced by karat, or unpriced.
with repriced as (
  select
    trace_id,
    span_id,
    first_value(cost_nanousd order by time desc) as cost_nanousd,
    count(*) as n_prices
  from repricings
  group by trace_id, span_id
),
priced as (
  select
    c.*,
    case when r.n_prices > 0 then r.cost_nanousd else c.cost_nanousd end as last_nanousd,
    case
      when r.n_prices is null then c.cost_source
      when r.cost_nanousd is null then 'unpriced'
      else 'priced'
    end as last_source
  from llm_calls c
  left join repriced r on r.trace_id = c.trace_id and r.span_id = c.span_id
)
select
  trace_id,
  span_id,
  start_time,
  date,
  service_name,
  provider,
  model,
  session_id,
  user_id,
  prompt_name,
  prompt_version,
  input_tokens,
  output_tokens,
  cache_read_tokens,
  cache_write_tokens,
  reasoning_tokens,
  last_nanousd as cost_nanousd,
  last_nanousd / 1e9 as cost_usd,
  last_source as cost_source
from priced
