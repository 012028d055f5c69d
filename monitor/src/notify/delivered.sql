select attributes
from metrics
where name = 'karat.alert.delivered'
  and time >= $start
order by time desc
