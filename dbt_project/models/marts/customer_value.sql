with

customer_features as (

    select * from {{ ref('customer_features') }}

),

predictions as (

    select * from {{ ref('predictions') }}

),

segment_bounds as (

    select * from {{ ref('segment_bounds') }}

),

counted as (

    select count(*) as customers from predictions

),

ranked as (
{{ ranked('predictions') }}

),

-- One typical gap beside the customer's own, so that a single one of these does not say it all.
paced as (

    select
        customer_features.customer_id,
        customer_features.as_of_date,
        customer_features.first_order_date,
        customer_features.last_order_date,
        customer_features.max_num_items,
        customer_features.max_revenue,
        customer_features.total_revenue,
        customer_features.total_orders,
        customer_features.days_since_last_order,
        customer_features.longest_interval,
        customer_features.total_num_items,
        customer_features.frequency,
        customer_features.recency,
        customer_features.customer_age,
        customer_features.monetary_value,
        customer_features.customer_age - customer_features.recency as days_since_last_purchase,
        (customer_features.recency + segment_bounds.typical_gap) / (customer_features.frequency + 1) as usual_gap

    from customer_features

    cross join segment_bounds

),

valued as (

    select
        paced.*,
        ranked.predicted_clv,
        ranked.purchase_probability,
        ranked.expected_purchases,
        ranked.clv_lower,
        ranked.clv_upper,
        ranked.model_id,
        ranked.predicted_at,
        ranked.clv_rank,
        ranked.clv_decile,
        (counted.customers - ranked.clv_rank + 1) / cast(counted.customers as double) as clv_percentile,
        -- Purchases at random at the usual pace come at least once within the horizon with the chance below the line.
        ranked.purchase_probability / (1 - exp(-ranked.horizon_days / paced.usual_gap)) as pace_kept

    from paced

    inner join ranked
        on paced.customer_id = ranked.customer_id

    cross join counted

),

segmented as (

    select
        valued.*,
        case
            when valued.predicted_clv >= segment_bounds.high_from then 'high'
            when valued.predicted_clv >= segment_bounds.medium_from then 'medium'
            else 'low'
        end as value_tier,
        case
            when valued.usual_gap is null then 'new'
            when valued.frequency = 0 and valued.days_since_last_purchase <= valued.usual_gap then 'new'
            when coalesce(valued.pace_kept >= 0.5, valued.days_since_last_purchase <= 2 * valued.usual_gap) then 'active'
            when coalesce(valued.pace_kept >= 0.1, valued.days_since_last_purchase <= 6 * valued.usual_gap)
                then 'slipping'
            else 'lapsed'
        end as lifecycle,
        6 - {{ fifth_of('valued.days_since_last_purchase', 'segment_bounds.days_since_last_purchase') }} as rfm_recency,
        {{ fifth_of('valued.frequency', 'segment_bounds.frequency') }} as rfm_frequency,
        {{ fifth_of('valued.total_revenue', 'segment_bounds.total_revenue') }} as rfm_monetary

    from valued

    cross join segment_bounds

),

final as (

    select
        *,
        100 * rfm_recency + 10 * rfm_frequency + rfm_monetary as rfm

    from segmented

)

select * from final

-- Who looks one customer up in the published file reads only the blocks with ids near it.
{{ in_order_of('customer_id') }}
