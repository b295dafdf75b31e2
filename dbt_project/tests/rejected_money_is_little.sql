{{
    config(
        meta={
            'code': 'rejected_money',
            'message': "lines that cannot be used hold {n} % of the money, more than MAX_REJECTED allows. Mend them in the file, or go on without them by a larger MAX_REJECTED, a share of lines and of money, such as MAX_REJECTED=0.6"
        },
        fail_calc='coalesce(max(percent), 0)'
    )
}}

-- Few lines can be much money: the largest orders are those that a spreadsheet writes in another way. Lines that name no
-- customer are not counted here, because their money is nobody's value; nor is money that cannot be read.
with

settings as (

    select * from {{ ref('int_settings') }}

),

rejected as (

    select coalesce(sum(abs(revenue)), 0) as revenue

    from {{ ref('rejected_orders') }}

    where reason not in ('left_out', 'missing_customer_id')

),

used as (

    select coalesce(sum(abs(revenue)), 0) as revenue from {{ ref('int_customer_orders') }}

),

final as (

    select cast(ceil(100 * rejected.revenue / (rejected.revenue + used.revenue)) as bigint) as percent

    from rejected

    cross join used

    cross join settings

    where rejected.revenue > settings.max_rejected * (rejected.revenue + used.revenue)

)

select * from final
