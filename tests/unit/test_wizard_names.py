"""What names of columns say in four languages, and what they do not say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from service.wizard import names
from service.wizard.plan import Kept, propose
from service.wizard.sample import look

ROWS = 600
#: id, time, prediction, label, and a column that begins with a word of another role and is none
LANGUAGES = {
    "German": ("Kennung", "Zeit", "Prognose", "Ist", "ist_neukunde"),
    "German with umlauts": ("Vorgang", "Zeitpunkt", "geschätzt", "tatsächlich", "Größe"),
    "French": ("identifiant", "horodatage", "prévision", "vérité", "réel_client"),
    "Spanish": ("identificador", "fecha", "predicción", "objetivo", "real_madrid"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_roles_are_guessed_in_the_languages_of_the_neighbours(language: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    identity, time, prediction, label, other = LANGUAGES[language]
    truth = draw.normal(100, 20, ROWS)
    frame = pd.DataFrame(
        {
            identity: [f"A{number:05d}" for number in draw.permutation(ROWS)],
            time: [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=2 * i) for i in range(ROWS)],
            "umsatz": draw.normal(5, 1, ROWS),
            other: draw.integers(0, 2, ROWS),
            prediction: truth + draw.normal(0, 5, ROWS),
            label: truth,
        }
    )
    path = tmp_path / "zeilen.csv"
    frame.to_csv(path, index=False)
    kept = Kept({"id": "0" * 16, "name": path.name, "bytes": path.stat().st_size}, look(str(path), path.name))
    found = propose(kept, {}, taken=[], now=datetime(2024, 6, 1, tzinfo=UTC))
    assert {column["name"]: column["role"] for column in found["columns"]} == {
        identity: "id", time: "time", "umsatz": "feature", other: "feature", prediction: "prediction", label: "label",
    }  # fmt: skip
    assert found["task"] == "regression"


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("umsatz_ist", names.LABEL, True),
        ("ist_aktiv", names.LABEL, False),
        ("Zielwert", names.LABEL, True),
        ("vorhersage_datum", names.PREDICTION, False),
        ("Vorhersage (€)", names.PREDICTION, True),
        ("prévision", names.PREDICTION, True),
        ("pre\u0301vision", names.PREDICTION, True),  # the accent as a sign of its own
        ("Uhrzeit", names.TIME, True),
        ("leistung", names.LABEL, False),
        ("distance", names.LABEL, False),
        ("registered", names.TIME, False),
    ],
)
def test_a_name_says_what_it_says_and_no_more(name: str, known: frozenset[str], said: bool) -> None:
    assert names.says(name, known) == said


def test_every_word_of_the_table_is_written_as_names_are_read() -> None:
    for line in names._ABROAD.values():
        for word in line.split():
            assert names.flat(word) == word
