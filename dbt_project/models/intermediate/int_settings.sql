select
    {{ date_setting('as_of') }} as as_of,
    {{ number_setting('max_rejected', highest=1, default='0.01') }} as max_rejected,
    {{ whole_number_setting('history_days', highest=9999999, example=365) }} as history_days,
    {{ yes_or_no_setting('strict') }} as strict,
    {{ whole_number_setting('label_days', highest=3650, example=180) }} as label_days,
    {{ number_setting('discount_rate', highest=10, default='0.10') }} as discount_rate
