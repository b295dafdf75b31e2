-- One prediction for each customer and one customer for each prediction, of the same day. Each customer is there once, so
-- as many rows with the same digest are the same rows.
with

customers as (

    select
        count(*) as customers,
        {{ digest_of_rows(['customer_id', 'as_of_date']) }} as digest

    from {{ ref('customer_features') }}

),

predictions as (

    select
        count(*) as customers,
        {{ digest_of_rows(['customer_id', 'as_of_date']) }} as digest

    from {{ ref('predictions') }}

),

final as (

    select
        customers.customers,
        predictions.customers as predicted_customers

    from customers

    cross join predictions

    where customers.customers <> predictions.customers or customers.digest is distinct from predictions.digest

)

select * from final
