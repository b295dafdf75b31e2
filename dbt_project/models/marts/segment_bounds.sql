with

customer_features as (

    select * from {{ ref('customer_features') }}

),

predictions as (

    select * from {{ ref('predictions') }}

),

highest as (

    select max(predicted_clv) as highest_clv from predictions

),

-- In whole parts of the highest value, because those add up to the same in whichever order they come.
valued as (

    select
        predictions.predicted_clv,
        cast(round(predictions.predicted_clv / highest.highest_clv * 1e12) as decimal(18, 0)) as parts,
        {{ magnitude('predictions.predicted_clv') }} as magnitude

    from predictions

    cross join highest

    where predictions.predicted_clv > 0

),

by_magnitude as (

    select
        magnitude,
        sum(parts) as parts

    from valued

    group by magnitude

),

-- Few rows for any number of customers: to add everybody up in order of value would sort everybody.
magnitudes as (

    select
        magnitude,
        parts,
        sum(parts) over (order by magnitude desc) - parts as parts_above,
        sum(parts) over () as all_parts

    from by_magnitude

),

-- Those in which a bound lies: half of all parts, or four fifths.
parted as (

    select *

    from magnitudes

    where
        (2 * parts_above < all_parts and 2 * (parts_above + parts) >= all_parts)
        or (5 * parts_above < 4 * all_parts and 5 * (parts_above + parts) >= 4 * all_parts)

),

values_of_parted as (

    select
        valued.predicted_clv,
        valued.magnitude,
        parted.parts_above,
        parted.all_parts,
        sum(valued.parts) as parts

    from valued

    inner join parted
        on valued.magnitude = parted.magnitude

    group by valued.predicted_clv, valued.magnitude, parted.parts_above, parted.all_parts

),

with_parts_above as (

    select
        predicted_clv,
        all_parts,
        parts_above + sum(parts) over (partition by magnitude order by predicted_clv desc) - parts as parts_above

    from values_of_parted

),

of_value as (

    select
        min(case when 2 * parts_above < all_parts then predicted_clv end) as high_from,
        min(case when 5 * parts_above < 4 * all_parts then predicted_clv end) as medium_from

    from with_parts_above

),

of_orders as (
{{
    quantiles(
        'customer_features',
        [
            ('typical_gap', 'case when frequency > 0 then recency / cast(frequency as double) end', 'double', 2),
            ('days_since_last_purchase', 'customer_age - recency', 'bigint', 5),
            ('frequency', 'frequency', 'bigint', 5),
            ('total_revenue', 'total_revenue', 'double', 5),
        ]
    )
}}

),

final as (

    select
        of_value.high_from,
        of_value.medium_from,
        {{ nth_of('of_orders.typical_gap', 1) }} as typical_gap,
        of_orders.days_since_last_purchase,
        of_orders.frequency,
        of_orders.total_revenue

    from of_value

    cross join of_orders

)

select * from final
