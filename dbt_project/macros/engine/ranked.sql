{#
  The rows of a relation with their `clv_rank` by predicted value from the highest, where equal values share a rank, and
  their `clv_decile`, 1 for the tenth with the highest values. A customer is in one row of it.
#}
{% macro ranked(relation) -%}
  {{ return(adapter.dispatch('ranked')(relation)) }}
{%- endmacro %}

{#
  By value: a rank is the same for all who have the value, and mostly the tenth is too. Only the customers of a value that
  lies in two tenths or more are put in order of their ids.
#}
{% macro duckdb__ranked(relation) %}
    with

    by_value as (

        select
            predicted_clv,
            count(*) as customers,
            sum(count(*)) over (order by predicted_clv desc) - count(*) as customers_above,
            sum(count(*)) over () as everybody

        from {{ relation }}

        group by predicted_clv

    ),

    ranks as (

        select
            *,
            cast(customers_above + 1 as bigint) as clv_rank,
            {{ tenth_at('customers_above + 1') }} as first_tenth,
            {{ tenth_at('customers_above + customers') }} as last_tenth

        from by_value

    ),

    divided as (

        select
            customers.customer_id,
            ranks.everybody,
            ranks.customers_above + row_number() over (
                partition by customers.predicted_clv order by customers.customer_id
            ) as place

        from {{ relation }} as customers

        inner join ranks
            on customers.predicted_clv = ranks.predicted_clv
            and ranks.first_tenth < ranks.last_tenth

    ),

    places as (

        select
            customer_id,
            {{ tenth_at('place') }} as tenth

        from divided

    )

    select
        customers.*,
        ranks.clv_rank,
        coalesce(places.tenth, ranks.first_tenth) as clv_decile

    from {{ relation }} as customers

    inner join ranks
        on customers.predicted_clv = ranks.predicted_clv

    left join places
        on customers.customer_id = places.customer_id
{%- endmacro %}

{#
  The tenth, from 1, that a place among `everybody` is in. Where they do not divide by ten, the first tenths have one more:
  among those it is counted from the first place on, among the others from the last one back.
#}
{% macro tenth_at(place, div='//') -%}
  cast(
    case
      when {{ place }} <= everybody % 10 * (everybody {{ div }} 10 + 1)
        then ({{ place }} - 1) {{ div }} (everybody {{ div }} 10 + 1) + 1
      else 10 - (everybody - ({{ place }})) {{ div }} (everybody {{ div }} 10)
    end as bigint
  )
{%- endmacro %}

{#
  Up to five million rows one task puts them in order within seconds; in pieces it takes several times the processor. How
  many there are say the predictions: to count the relation itself would work it out twice.
#}
{% macro default__ranked(relation) -%}
  {%- set predictions = adapter.get_relation(target.database, target.schema, 'predictions') if execute -%}
  {%- set rows = run_query('select count(*) from ' ~ predictions).columns[0].values()[0] if predictions else 0 -%}
  {{ return(ranked_in_pieces(relation) if rows > var('ranked_in_one_task', 5000000) else ranked_in_one_task(relation)) }}
{%- endmacro %}

{% macro ranked_in_one_task(relation) %}
    select
        *,
        cast(rank() over (order by predicted_clv desc) as bigint) as clv_rank,
        cast(ntile(10) over (order by predicted_clv desc, customer_id) as bigint) as clv_decile

    from {{ relation }}
{%- endmacro %}

{#
  By value too, but a window over everybody, or all who share a value in one place, would be one task. So values are added
  up within magnitudes, of which there are a few thousand, and each value comes in 64 shares of its customers. Where a
  tenth ends among the customers of one value, the last id in it is looked for: among ids that begin alike, and then among
  those of them that go on alike. Only who is alike in both comes together in one task.
#}
{% macro ranked_in_pieces(relation) %}
    with

    customers as (

        select
            *,
            pmod(xxhash64(customer_id), 64) as share

        from {{ relation }}

    ),

    by_share as (

        select
            predicted_clv,
            share,
            {{ magnitude('predicted_clv') }} as magnitude,
            count(*) as customers

        from customers

        group by predicted_clv, share

    ),

    by_magnitude as (

        select
            magnitude,
            sum(customers) as customers

        from by_share

        group by magnitude

    ),

    magnitudes as (

        select
            magnitude,
            sum(customers) over (order by magnitude desc) - customers as customers_above,
            sum(customers) over () as everybody

        from by_magnitude

    ),

    placed as (

        select
            by_share.predicted_clv,
            by_share.share,
            magnitudes.everybody,
            sum(by_share.customers) over (
                partition by by_share.magnitude, by_share.predicted_clv
            ) as customers,
            magnitudes.customers_above + sum(by_share.customers) over (
                partition by by_share.magnitude order by by_share.predicted_clv desc
            ) as last_place

        from by_share

        inner join magnitudes
            on by_share.magnitude = magnitudes.magnitude

    ),

    ranks as (

        select
            *,
            last_place - customers + 1 as clv_rank,
            {{ tenth_at('last_place - customers + 1', 'div') }} as first_tenth,
            {{ tenth_at('last_place', 'div') }} as last_tenth

        from placed

    ),

    divided as (

        select distinct
            predicted_clv,
            everybody,
            clv_rank,
            first_tenth,
            last_tenth

        from ranks

        where first_tenth < last_tenth

    ),

    tenths as (

        select
            *,
            explode(sequence(first_tenth, last_tenth - 1)) as tenth

        from divided

    ),

    -- At most nine: the last one of a tenth has this place among those whose ids begin so.
    ends_0 as (

        select
            predicted_clv,
            tenth * (everybody div 10) + least(tenth, everybody % 10) - (clv_rank - 1) as place,
            '' as ids,
            0 as alike

        from tenths

    ),
    {%- for n in (1, 2) %}

    within_{{ n }} as (

        select distinct
            predicted_clv,
            ids,
            alike

        from ends_{{ n - 1 }}

    ),

    pieces_{{ n }} as (

        select /*+ broadcast(within) */
            within.predicted_clv,
            within.ids as ids_within,
            left(customers.customer_id, within.alike + 4) as ids,
            count(*) as customers,
            min(customers.customer_id) as first_id,
            max(customers.customer_id) as last_id

        from customers

        inner join within_{{ n }} as within
            on customers.predicted_clv = within.predicted_clv
            and startswith(customers.customer_id, within.ids)

        group by within.predicted_clv, within.ids, left(customers.customer_id, within.alike + 4)

    ),

    placed_pieces_{{ n }} as (

        select
            *,
            sum(customers) over (partition by predicted_clv, ids_within order by ids) as last_place

        from pieces_{{ n }}

    ),

    ends_{{ n }} as (

        select /*+ broadcast(ends) */
            ends.predicted_clv,
            ends.place - (pieces.last_place - pieces.customers) as place,
            pieces.ids,
            size(
                filter(
                    sequence(1, length(pieces.first_id)), n -> left(pieces.first_id, n) = left(pieces.last_id, n)
                )
            ) as alike

        from placed_pieces_{{ n }} as pieces

        inner join ends_{{ n - 1 }} as ends
            on pieces.predicted_clv = ends.predicted_clv
            and pieces.ids_within = ends.ids
            and ends.place > pieces.last_place - pieces.customers
            and ends.place <= pieces.last_place

    ),
    {%- endfor %}

    numbered as (

        select /*+ broadcast(within) */
            within.predicted_clv,
            within.ids,
            customers.customer_id,
            row_number() over (
                partition by within.predicted_clv, within.ids order by customers.customer_id
            ) as place

        from customers

        inner join (select distinct predicted_clv, ids from ends_2) as within
            on customers.predicted_clv = within.predicted_clv
            and startswith(customers.customer_id, within.ids)

    ),

    last_ids as (

        select /*+ broadcast(ends) */
            numbered.predicted_clv,
            collect_list(numbered.customer_id) as ids

        from numbered

        inner join ends_2 as ends
            on numbered.predicted_clv = ends.predicted_clv
            and numbered.ids = ends.ids
            and numbered.place = ends.place

        group by numbered.predicted_clv

    )

    select /*+ broadcast(last_ids) */
        customers.* except (share),
        ranks.clv_rank,
        ranks.first_tenth
        + coalesce(size(filter(last_ids.ids, last_id -> last_id < customers.customer_id)), 0) as clv_decile

    from customers

    inner join ranks
        on customers.predicted_clv = ranks.predicted_clv
        and customers.share = ranks.share

    left join last_ids
        on customers.predicted_clv = last_ids.predicted_clv
{%- endmacro %}


{# A number of which there are few, and which grows with the value: one for values within 0.4 % of each other. #}
{% macro magnitude(value) -%}
  case
    when {{ value }} > 0 then 200000 + cast(floor(ln({{ value }}) * 256) as bigint)
    when {{ value }} < 0 then -200000 - cast(floor(ln(-{{ value }}) * 256) as bigint)
    else 0
  end
{%- endmacro %}
