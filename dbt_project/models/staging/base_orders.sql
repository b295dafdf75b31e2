with

orders as (

    select
        *,
        {{ place_in_table() }} as place

    from {{ ref('orders') }}

),

trimmed as (

    select
        *,
        {{ clean_id('customer_id') }} as clean_customer_id,
        {{ clean_id('order_id') }} as clean_order_id,
        {{ clean_id('order_item_id') }} as clean_order_item_id,
        {{ clean_text('num_items') }} as clean_num_items,
        {{ clean_text('revenue') }} as clean_revenue,
        {{ clean_text('created_at_date') }} as clean_created_at_date

    from orders

),

typed as (

    select
        *,
        clean_order_item_id as typed_order_item_id,
        {{ parse_whole_number('clean_num_items') }} as typed_num_items,
        {{ parse_money('clean_revenue') }} as typed_revenue,
        {{ parse_date('clean_created_at_date') }} as typed_created_at_date

    from trimmed

),

judged as (

    select
        *,
        case
            when malformed_line is not null then 'malformed_line'
            when left_out then 'left_out'
            when clean_customer_id is null then 'missing_customer_id'
            when clean_order_id is null then 'missing_order_id'
            when typed_num_items is null then 'invalid_num_items'
            when typed_revenue is null then 'invalid_revenue'
            when typed_created_at_date is null then 'invalid_date'
        end as rejection_reason

    from typed

),

final as (

    select
        -- Malformed lines follow the records in the table, whatever their place was in the file.
        coalesce(malformed_after, place) as record_number,
        malformed_part,
        source_file,
        line_offset,
        line_breaks,
        clean_customer_id as customer_id,
        clean_order_id as order_id,
        typed_order_item_id as order_item_id,
        cast(typed_num_items as bigint) as num_items,
        typed_revenue as revenue,
        typed_created_at_date as created_at_date,
        rejection_reason,
        case
            when rejection_reason is null then null
            when malformed_line is not null then malformed_line
            else
                {{ csv_field('customer_id') }} || ','
                || {{ csv_field('order_id') }} || ','
                || {{ csv_field('order_item_id') }} || ','
                || {{ csv_field('num_items') }} || ','
                || {{ csv_field('revenue') }} || ','
                || {{ csv_field('created_at_date') }}
        end as raw_text

    from judged

)

select * from final
