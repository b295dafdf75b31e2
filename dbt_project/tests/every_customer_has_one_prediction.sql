-- One prediction for each customer and one customer for each prediction, of the same day.
with

customer_features as (

    select * from {{ ref('customer_features') }}

),

predictions as (

    select * from {{ ref('predictions') }}

)

select
    customer_features.customer_id,
    predictions.customer_id as predicted_customer_id

from customer_features

full outer join predictions
    on
        customer_features.customer_id = predictions.customer_id
        and customer_features.as_of_date = predictions.as_of_date

where customer_features.customer_id is null or predictions.customer_id is null
