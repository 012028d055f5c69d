select *
from alerts
order by time desc
