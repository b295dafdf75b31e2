with

base_orders as (

    select * from {{ ref('base_orders') }}

),

-- A record stands behind its file's header, all records of the file before it, some of which take several lines, and the
-- malformed lines before it. Only the few records that matter are looked at.
placed as (

    select
        *,
        line_offset + record_number
        + coalesce(
            sum(line_breaks) over (
                partition by source_file order by record_number, malformed_part rows between unbounded preceding and 1 preceding
            ), 0
        )
        + sum(case when malformed_part > 0 then 1 else 0 end) over (
            partition by source_file order by record_number, malformed_part rows unbounded preceding
        ) as line_number

    from base_orders

    where rejection_reason is not null or line_breaks > 0

),

final as (

    select
        source_file,
        cast(line_number as bigint) as line_number,
        rejection_reason as reason,
        raw_text,
        customer_id,
        revenue,
        record_number,
        malformed_part

    from placed

    where rejection_reason is not null

)

select * from final
