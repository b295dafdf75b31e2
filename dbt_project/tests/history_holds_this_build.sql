-- The history of this as-of date is this build's predictions, each once, and no others.
with

predictions as (

    select * from {{ ref('predictions') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

history as (

    select prediction_history.*

    from {{ ref('prediction_history') }} as prediction_history

    inner join as_of
        on prediction_history.as_of_date = as_of.as_of_date

),

matches as (

    select history.customer_id

    from history

    inner join predictions
        on
            history.customer_id = predictions.customer_id
            and history.predicted_clv = predictions.predicted_clv
            and history.model_id = predictions.model_id

),

final as (

    select
        (select count(*) from predictions) as predicted,
        (select count(*) from history) as kept,
        (select count(*) from matches) as alike

)

select *

from final

where predicted <> kept or predicted <> alike
