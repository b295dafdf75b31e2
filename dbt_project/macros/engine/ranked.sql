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
{% macro tenth_at(place) -%}
  cast(
    case
      when {{ place }} <= everybody % 10 * (everybody // 10 + 1) then ({{ place }} - 1) // (everybody // 10 + 1) + 1
      else 10 - (everybody - ({{ place }})) // (everybody // 10)
    end as bigint
  )
{%- endmacro %}

{#
  A window over everybody would be one task. So customers are numbered within pieces, and to that is added how many stand
  above the piece. The value that very many share is mostly 0; those customers are in order of their ids, and are divided
  by how these begin: where nearly all begin alike, or each in its own way, that is one task over them after all.
#}
{% macro default__ranked(relation) %}
    with

    pieced as (

        select
            *,
            {{ magnitude('predicted_clv') }} as magnitude,
            case when predicted_clv = 0 then left(customer_id, 5) else '' end as ids

        from {{ relation }}

    ),

    pieces as (

        select
            magnitude,
            ids,
            count(*) as customers

        from pieced

        group by magnitude, ids

    ),

    placed_pieces as (

        select
            magnitude,
            ids,
            coalesce(
                sum(customers) over (order by magnitude desc range between unbounded preceding and 1 preceding), 0
            ) as with_more,
            sum(customers) over (order by magnitude desc, ids) - customers as before,
            sum(customers) over () as everybody

        from pieces

    ),

    placed as (

        select
            pieced.* except (magnitude, ids),
            placed_pieces.with_more + rank() over (
                partition by pieced.magnitude, pieced.ids order by pieced.predicted_clv desc
            ) as clv_rank,
            placed_pieces.before + row_number() over (
                partition by pieced.magnitude, pieced.ids order by pieced.predicted_clv desc, pieced.customer_id
            ) as place,
            placed_pieces.everybody div 10 as tenth,
            placed_pieces.everybody % 10 as larger_tenths

        from pieced

        inner join placed_pieces
            on pieced.magnitude = placed_pieces.magnitude
            and pieced.ids = placed_pieces.ids

    )

    -- Where the customers do not divide by ten, the first tenths have one more.
    select
        * except (place, tenth, larger_tenths),
        case
            when place <= larger_tenths * (tenth + 1) then (place - 1) div (tenth + 1) + 1
            else (place - 1 - larger_tenths) div tenth + 1
        end as clv_decile

    from placed
{%- endmacro %}


{# A number of which there are few, and which grows with the value: one for values within 0.4 % of each other. #}
{% macro magnitude(value) -%}
  case
    when {{ value }} > 0 then 200000 + cast(floor(ln({{ value }}) * 256) as bigint)
    when {{ value }} < 0 then -200000 - cast(floor(ln(-{{ value }}) * 256) as bigint)
    else 0
  end
{%- endmacro %}
