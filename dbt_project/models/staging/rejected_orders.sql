with

base_orders as (

    select * from {{ ref('base_orders') }}

),

-- A record stands behind the header, all records before it, some of which take several lines, and the malformed lines
-- before it. Only the few records that matter are looked at.
placed as (

    select
        *,
        header_lines + record_number
        + coalesce(
            sum(line_breaks) over (
                order by record_number, malformed_part rows between unbounded preceding and 1 preceding
            ), 0
        )
        + sum(case when malformed_part > 0 then 1 else 0 end) over (
            order by record_number, malformed_part rows unbounded preceding
        ) as line_number

    from base_orders

    where rejection_reason is not null or line_breaks > 0

),

final as (

    select
        cast(line_number as bigint) as line_number,
        rejection_reason as reason,
        raw_text,
        record_number,
        malformed_part

    from placed

    where rejection_reason is not null

)

select * from final
