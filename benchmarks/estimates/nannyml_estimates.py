"""What NannyML's CBPE and DLE estimate of the rows in a folder. Runs in its environment.

``nannyml_estimates.py estimate FOLDER …``: reads case.json, reference.parquet and current.parquet, writes estimates.json.
``nannyml_estimates.py export FOLDER``: writes NannyML's own sample data there, one folder a data set, in the same form.
"""

import json
import sys
import warnings
from pathlib import Path

import nannyml
import pandas as pd
from nannyml.chunk import SizeBasedChunker

warnings.filterwarnings("ignore")
pd.set_option("future.infer_string", False)  # NannyML 0.13.1 fails on the strings that pandas 3 infers
METRICS = {
    "binary": ["accuracy", "f1", "roc_auc"],
    "multiclass": ["accuracy", "f1", "roc_auc"],
    "regression": ["mae", "rmse"],
}


def estimate(folder):
    """Estimate each window of current.parquet; windows are of one size each, in order."""
    case = json.loads((folder / "case.json").read_text())
    reference, current = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current"))
    size = int(current.groupby("window").size().iloc[0])
    task, metrics = case["task"], METRICS[case["task"]]
    common = {"y_true": "label", "y_pred": "prediction", "chunker": SizeBasedChunker(size), "metrics": metrics}
    if task == "regression":
        estimator = nannyml.DLE(feature_column_names=case["numeric"] + case["categorical"], **common)
    else:
        kind = "classification_binary" if task == "binary" else "classification_multiclass"
        score = "score" if task == "binary" else {name: f"score_{name}" for name in case["classes"]}
        estimator = nannyml.CBPE(y_pred_proba=score, problem_type=kind, **common)
    found = estimator.fit(reference).estimate(current.drop(columns="label")).filter(period="analysis").to_df()
    answer = {
        name: {
            field: found[(name, field)].tolist()
            for field in ("value", "lower_confidence_boundary", "upper_confidence_boundary")
        }
        for name in metrics
    }
    (folder / "estimates.json").write_text(json.dumps({"version": nannyml.__version__, "metrics": answer}))


def export(folder, size=1000):
    """Write the sample data sets that ship inside the package (Apache License 2.0)."""
    loans, loans_after, repaid = nannyml.load_synthetic_car_loan_dataset()
    numeric, categorical = (
        ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"],
        ["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"],
    )
    write(
        folder,
        "car loans",
        "binary",
        numeric,
        categorical,
        loans,
        loans_after.merge(repaid, on="id"),
        {"y_pred": "prediction", "y_pred_proba": "score", "repaid": "label"},
        size,
    )
    people, people_after, employed = nannyml.load_us_census_ma_employment_data()
    categorical = [
        "SCHL",
        "MAR",
        "RELP",
        "DIS",
        "ESP",
        "CIT",
        "MIG",
        "MIL",
        "ANC",
        "NATIVITY",
        "DEAR",
        "DEYE",
        "DREM",
        "SEX",
        "RAC1P",
    ]
    write(
        folder,
        "employment",
        "binary",
        ["AGEP"],
        categorical,
        people,
        people_after.merge(employed, on="id"),
        {"predicted_probability": "score", "employed": "label"},
        4 * size,
    )
    cards, cards_after, held = nannyml.load_synthetic_multiclass_classification_dataset()
    classes = sorted(cards["y_true"].unique())
    names = {f"y_pred_proba_{name}": f"score_{name}" for name in classes} | {"y_pred": "prediction", "y_true": "label"}
    numeric, categorical = (
        ["app_behavioral_score", "requested_credit_limit", "credit_bureau_score", "stated_income"],
        ["acq_channel", "app_channel", "is_customer"],
    )
    write(
        folder,
        "credit cards",
        "multiclass",
        numeric,
        categorical,
        cards,
        cards_after.merge(held, on="id"),
        names,
        size,
        classes,
    )
    cars, cars_after, price = nannyml.load_synthetic_car_price_dataset()
    numeric, categorical = (
        ["car_age", "km_driven", "price_new", "accident_count", "door_count"],
        ["fuel", "transmission"],
    )
    write(
        folder,
        "car prices",
        "regression",
        numeric,
        categorical,
        cars,
        cars_after.merge(price, on="id"),
        {"y_pred": "prediction", "y_true": "label"},
        size,
    )


def write(folder, name, task, numeric, categorical, reference, current, names, size, classes=()):
    """Write one data set; every window has ``size`` rows, what is left over is left out."""
    place = folder / name.replace(" ", "_")
    place.mkdir(parents=True, exist_ok=True)
    kept = [*numeric, *categorical, "prediction", "label", *[new for new in names.values() if new.startswith("score")]]
    for part, frame in (("reference", reference), ("current", current)):
        whole = frame.rename(columns=names)[kept]
        rows = whole.iloc[: len(whole) // size * size].reset_index(drop=True)
        for column in categorical:
            rows[column] = rows[column].astype(str)
        for column in ("prediction", "label"):
            rows[column] = rows[column].astype(str if classes else float if task == "regression" else int)
        rows["window"] = rows.index // size
        rows.to_parquet(place / f"{part}.parquet")
    case = {
        "name": name,
        "task": task,
        "numeric": numeric,
        "categorical": categorical,
        "classes": list(classes) or (["0", "1"] if task == "binary" else []),
    }
    (place / "case.json").write_text(json.dumps(case))


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        {"estimate": estimate, "export": export}[sys.argv[1]](Path(argument))
