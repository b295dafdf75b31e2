"""Predicted lifetime value per customer: features stream to the model's own Python and predictions stream back."""

from dataclasses import replace
from datetime import UTC, datetime

import predictor

# What a model may answer beside the value; null where it does not.
FURTHER_OUTPUTS = ("purchase_probability", "expected_purchases", "clv_lower", "clv_upper")


def as_sql(number, kind):
    """A number as a constant of this type; null for None. TypeError for what is no number: a manifest may hold it."""
    return f"cast({'null' if number is None else number + 0} as {kind})"


def model(dbt, session):
    # dbt finds the keys by reading this file: not within another call.
    model_file = dbt.config.get("model_file")
    model_run = dbt.config.get("model_run")
    temporary = dbt.config.get("temporary")
    settings = predictor.Settings.from_variables({name: str(value) for name, value in model_run.items()})
    settings = replace(settings, temporary=temporary or None)
    value_model = predictor.open_model(model_file or predictor.DEFAULT_MODEL, settings.manifests)
    features = dbt.ref("customer_features")
    on_spark = hasattr(features, "mapInArrow")
    first = features.limit(1)
    as_of_date = first.first()["as_of_date"] if on_spark else first.project("as_of_date").fetchall()[0][0]

    training = value_model.manifest.training
    answered = value_model.manifest.outputs
    columns = [
        "cast(customer_id as string) as customer_id",  # what comes through Spark Connect is one with a collation
        "predicted_clv",
        *(name if name in answered else f"cast(null as double) as {name}" for name in FURTHER_OUTPUTS),
        f"{as_sql(training.get('horizon_days'), 'bigint')} as horizon_days",
        f"{as_sql(training.get('discount_rate'), 'double')} as discount_rate",
        f"date '{as_of_date}' as as_of_date",
        f"'{value_model.model_id}' as model_id",
        f"timestamp '{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}' as predicted_at",
    ]
    if on_spark:
        return predictor.score_on_spark(features, value_model, settings).selectExpr(*columns)

    # The features are read on a cursor of their own, because the session's is writing the predictions meanwhile. They
    # stand in order of customer_id, so that the batches, and with them every bit of the predictions, are the same in
    # each build.
    reader = session.cursor().sql(features.sql_query()).to_arrow_reader(65_536)
    return session.from_arrow(predictor.score(reader, value_model, settings)).project(", ".join(columns))
