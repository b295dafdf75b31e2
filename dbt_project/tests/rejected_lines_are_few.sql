-- More lines that cannot be used than MAX_REJECTED allows (a share, by default 1 %) mean that the file is not what it
-- should be, and the build stops.
with

counts as (

    select
        (select count(*) from {{ ref('rejected_orders') }}) as rejected_lines,
        (select count(*) from {{ ref('orders') }}) as all_lines

)

select *

from counts

where rejected_lines > {{ env_var('MAX_REJECTED', '') or '0.01' }} * all_lines
