"""Run the estimates of both tools, and print how far they miss and how often their intervals hold the truth."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.estimates import fixture, ours
from benchmarks.estimates.cases import Case, generated
from benchmarks.peers.environments import python
from benchmarks.peers.running import QUIET
from monitors.estimates.judge import surprise

SCRIPT = Path(__file__).with_name("nannyml_estimates.py")


def nannyml(*args: str | Path) -> None:
    """Run NannyML's script in its own environment."""
    command = [str(python("nannyml")), str(SCRIPT), *map(str, args)]
    subprocess.run(command, check=True, env={**os.environ, **QUIET, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def shipped(folder: Path) -> Iterator[Case]:
    """Yield NannyML's own sample data."""
    nannyml("export", folder)
    for place in sorted(folder.iterdir()):
        about = json.loads((place / "case.json").read_text())
        before, after = (pd.read_parquet(place / f"{part}.parquet") for part in ("reference", "current"))
        yield Case(
            about["name"], about["task"], about["numeric"], about["categorical"], before, after, tuple(about["classes"])
        )


def theirs(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return NannyML's estimates of each case by metric, all from one process: it takes long to start."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(len(cases))]
        for case, place in zip(cases, places, strict=True):
            place.mkdir()
            about = {
                "task": case.task,
                "numeric": case.numeric,
                "categorical": case.categorical,
                "classes": case.classes,
            }
            (place / "case.json").write_text(json.dumps(about))
            case.reference.to_parquet(place / "reference.parquet")
            case.current.to_parquet(place / "current.parquet")
        nannyml("estimate", *places)
        return [json.loads((place / "estimates.json").read_text())["metrics"] for place in places]


def measure(case: Case, peer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a window and metric: what was estimated by both, what came. ``peer``: NannyML's estimates."""
    estimator = ours.learned(case)
    usual = ours.realised(case, estimator, case.reference)  # the estimate of who looks at nothing
    found = []
    for place, (window, frame) in enumerate(case.current.groupby("window", sort=True)):
        estimated = estimator(ours.table(case, frame).drop_columns(["label"]), None)
        for name, value in ours.realised(case, estimator, frame).items():
            lower, upper = estimated.metrics[name].interval()
            mine = estimated.metrics[name].value
            held = {field: values[place] for field, values in peer[name.removesuffix("_ovr")].items()}
            found.append(
                {
                    "case": case.name, "concept": case.concept, "task": case.task, "window": int(str(window)), "metric": name,
                    "realised": value, "usual": usual[name], "ours": mine, "lower": lower, "upper": upper, "method": estimated.method,
                    "outside": estimated.outside, "gap": surprise(mine, lower, upper, value, 1.0), "nannyml": held["value"],
                    "nannyml_lower": held["lower_confidence_boundary"], "nannyml_upper": held["upper_confidence_boundary"],
                }
            )  # fmt: skip
    return found


def report(rows: list[dict[str, Any]]) -> str:
    """Return a table by case (seeds together) and metric."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["case"].split(", seed")[0], row["metric"]].append(row)
    lines = [
        "| case | metric | windows | miss, ours | miss, NannyML | reference's mean | covered, ours | covered, NannyML | gap seen |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (case, metric), held in sorted(groups.items()):
        frame = pd.DataFrame(held)
        inside = (frame["realised"] >= frame["lower"]) & (frame["realised"] <= frame["upper"])
        peer = (frame["realised"] >= frame["nannyml_lower"]) & (frame["realised"] <= frame["nannyml_upper"])
        mine, other = (float((frame[who] - frame["realised"]).abs().mean()) for who in ("ours", "nannyml"))
        usual = float((frame["usual"] - frame["realised"]).abs().mean())
        lines.append(
            f"| {case} | {metric} | {len(frame)} | {mine:.4g} | {other:.4g} | {usual:.4g} | {inside.mean():.1%} | {peer.mean():.1%} "
            f"| {frame['gap'].mean():.1%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and keep the rows if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates")
    parser.add_argument("what", nargs="?", choices=["measure", "fixture"], default="measure")
    parser.add_argument("--only", choices=["generated", "shipped"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--every", type=int, default=1, help="of each generated case's windows, look at every so many")
    parser.add_argument("--case", help="only cases whose name holds this")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "fixture":
            fixture.write(list(shipped(Path(folder))), theirs)
            return
        cases = [] if asked.only == "shipped" else list(generated(asked.seeds, asked.first, asked.every))
        cases += [] if asked.only == "generated" else list(shipped(Path(folder)))
        cases = [case for case in cases if asked.case is None or asked.case in case.name]
        rows: list[dict[str, Any]] = []
        for case, peer in zip(cases, theirs(cases), strict=True):
            found = measure(case, peer)
            print("\n".join(report(found).split("\n")[2:]), flush=True)
            rows += found
    if asked.json:
        asked.json.write_text(json.dumps(rows))
    print("\n" + report(rows))
    plain = [row for row in rows if not row["concept"]]
    if plain:
        covered = np.mean([row["lower"] <= row["realised"] <= row["upper"] for row in plain])
        print(f"\ncovered, all without concept drift: {covered:.2%} of {len(plain)}")


if __name__ == "__main__":
    main()
