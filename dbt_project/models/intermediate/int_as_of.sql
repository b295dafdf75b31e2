with

stg_orders as (

    select * from {{ ref('stg_orders') }}

),

span as (

    select
        min(created_at_date) as first_order_date,
        max(created_at_date) as last_order_date

    from stg_orders

),

final as (

    select
        {% if env_var('AS_OF', '') -%}
        cast('{{ env_var('AS_OF') }}' as date) as as_of_date,
        {%- else -%}
        cast({{ dbt.dateadd('day', 1, 'last_order_date') }} as date) as as_of_date,
        {%- endif %}
        first_order_date,
        last_order_date

    from span

)

select * from final
