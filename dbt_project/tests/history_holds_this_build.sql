-- The history of this as-of date is this build's predictions, each once and no others.
with

predictions as (

    select * from {{ ref('predictions') }}

),

history as (

    select *

    from {{ ref('prediction_history') }}

    where as_of_date = (select as_of_date from {{ ref('int_as_of') }})

)

select
    predictions.customer_id,
    history.customer_id as history_customer_id

from predictions

full outer join history
    on predictions.customer_id = history.customer_id

where
    predictions.customer_id is null
    or history.customer_id is null
    or predictions.predicted_clv <> history.predicted_clv

union all

select
    customer_id,
    null as history_customer_id

from history

group by customer_id

having count(*) > 1
