"""NannyML: the univariate calculator as it comes; one shot in ten chunks, with ``--days`` in chunks of a day."""

import _protocol as protocol
import pandas as pd
from nannyml import UnivariateDriftCalculator
from nannyml.thresholds import StandardDeviationThreshold

METHOD = "jensen_shannon"
START = pd.Timestamp("2024-01-01")


def judge(asked, model, reference, days):
    """Yield the verdicts of all chunks."""
    columns = [
        name for name in reference.columns if protocol.kind(reference[name]) != "datetime" and name != asked.timestamp
    ]
    chosen = {}
    if asked.threshold is not None:
        chosen["thresholds"] = {
            METHOD: StandardDeviationThreshold(std_lower_multiplier=None, std_upper_multiplier=asked.threshold)
        }
    if days[0][0] is None:
        chosen |= {
            "timestamp_column_name": asked.timestamp,
            "chunk_period": asked.chunk_period,
            "chunk_size": asked.chunk_size,
        }
        result = UnivariateDriftCalculator(column_names=columns, **chosen).fit(reference).calculate(days[0][1])
        labels = None
    else:
        result, labels = _by_day(asked, model, reference, days, columns, chosen)
    yield from _rows(model, result, columns, labels)


def _by_day(asked, model, reference, days, columns, chosen):
    chosen_rows = [("day", "<", 0), *([] if model is None else [("model", "==", model)])]
    when = (
        pd.read_parquet(asked.days, columns=["day"], filters=chosen_rows)["day"].sort_values(kind="stable").to_numpy()
    )
    reference = reference.assign(_when=START + pd.to_timedelta(when, unit="D"))
    analysis = pd.concat(
        [current.assign(_when=START + pd.Timedelta(days=day)) for day, current in days], ignore_index=True
    )
    calculator = UnivariateDriftCalculator(
        column_names=columns, timestamp_column_name="_when", chunk_period="D", **chosen
    )
    return calculator.fit(reference).calculate(analysis), [day for day, _ in days]


def _rows(model, result, columns, labels):
    found, normal = (result.filter(period=period).to_df() for period in ("analysis", "reference"))
    for column in columns:
        before = normal[(column, METHOD, "value")].astype(float)
        more = {"center": float(before.mean()), "spread": float(before.std(ddof=0))}
        cells = zip(*(found[(column, METHOD, part)] for part in ("value", "upper_threshold", "alert")), strict=True)
        for index, (value, upper, alert) in enumerate(cells):
            at = {"chunk": index} if labels is None else {"chunk": None}
            day = None if labels is None else labels[index]
            yield protocol.verdict(
                model, day, column, METHOD, float(value), float(upper), "above", bool(alert), **at, **more
            )


protocol.run("nannyml", ["default"], judge)
