with

customer_value as (

    select * from {{ ref('customer_value') }}

),

final as (

    select
        cast({{ dbt.date_trunc('month', 'first_order_date') }} as date) as first_order_month,
        count(*) as customers,
        cast(sum(case when frequency > 0 then 1 else 0 end) as bigint) as repeat_customers,
        sum(total_revenue) as total_revenue,
        sum(predicted_clv) as predicted_clv

    from customer_value

    group by 1

)

select * from final

order by first_order_month
