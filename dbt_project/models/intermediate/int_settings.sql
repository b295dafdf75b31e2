{# A training asks for many dates, one after the other: it builds views once and tells its session which date is next. #}
{%- set training = var('training', false) -%}
select
    {{ session_value('as_of', 'date') if training else date_setting('as_of') }} as as_of,
    {{ number_setting('max_rejected', highest=1, default='0.01') }} as max_rejected,
    {{ whole_number_setting('history_days', highest=9999999, example=365) }} as history_days,
    {{ yes_or_no_setting('strict') }} as strict,
    {{ session_value('label_days', 'bigint') if training else 'cast(null as bigint)' }} as label_days,
    {{ number_setting('discount_rate', highest=10, default='0.10') }} as discount_rate
