{{
    config(
        meta={
            'code': 'rejected_lines',
            'message': "lines that cannot be used: {n}, more than MAX_REJECTED allows"
        },
        fail_calc='coalesce(max(rejected_lines), 0)'
    )
}}

-- More lines that cannot be used than MAX_REJECTED allows (a share, by default 1 %) mean that the file is not what it
-- should be, and the build stops.
with

settings as (

    select * from {{ ref('int_settings') }}

),

counts as (

    select
        (select count(*) from {{ ref('rejected_orders') }} where reason <> 'left_out') as rejected_lines,
        (select count(*) from {{ ref('orders') }}) as all_lines

)

select counts.*

from counts

cross join settings

where counts.rejected_lines > settings.max_rejected * counts.all_lines
