-- The history of this as-of date is this build's predictions, each once, and no others: each is there once among the
-- predictions, so as many rows with the same digest are the same rows.
with

as_of as (

    select * from {{ ref('int_as_of') }}

),

predictions as (

    select
        count(*) as predicted,
        {{ digest_of_rows(['customer_id', 'predicted_clv', 'model_id']) }} as digest

    from {{ ref('predictions') }}

),

history as (

    select
        count(*) as kept,
        {{ digest_of_rows(['customer_id', 'predicted_clv', 'model_id']) }} as digest

    from {{ ref('prediction_history') }} as prediction_history

    inner join as_of
        on prediction_history.as_of_date = as_of.as_of_date

),

final as (

    select
        predictions.predicted,
        history.kept

    from predictions

    cross join history

    where predictions.predicted <> history.kept or predictions.digest is distinct from history.digest

)

select * from final
