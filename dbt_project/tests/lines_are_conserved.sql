-- Lines in the file = stg_orders + rejected_orders, always.
with

counts as (

    select
        (select count(*) from {{ ref('orders') }}) as lines_in_file,
        (select count(*) from {{ ref('stg_orders') }}) as lines_used,
        (select count(*) from {{ ref('rejected_orders') }}) as lines_rejected

)

select *

from counts

where lines_in_file <> lines_used + lines_rejected
