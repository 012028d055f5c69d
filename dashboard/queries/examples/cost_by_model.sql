select date, model, count(*) as calls, sum(input_tokens) as input_tokens,
       sum(output_tokens) as output_tokens, round(sum(cost_usd), 4) as usd
from costs
group by date, model
order by date desc, usd desc
