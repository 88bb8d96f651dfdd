"""Which columns tell rows apart and say nothing else, by their names and by how many of their values are different."""

from __future__ import annotations

import re
import unicodedata

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_SPLIT = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FEWEST = 20  # different values up to which a column may as well be one of kinds

#: Names of ids, in English, German, French and Spanish.
ID = frozenset(
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "key",
        "prediction_id",
        "request_id",
        "row_id",
        "record_id",
        "event_id",
        "transaction_id",
        "order_id",
        "case_id",
        "kennung",
        "kennziffer",
        "vorgang",
        "vorgangsnummer",
        "auftragsnummer",
        "belegnummer",
        "schluessel",
        "identifiant",
        "cle",
        "numero_de_commande",
        "identificador",
        "clave",
        "numero_de_pedido",
    ]
)
_LAST = frozenset({"id", "uuid", "guid", "kennung", "identifiant", "identificador"})


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case.

    >>> words("y_predProba 2"), words("Größe geschätzt")
    (('y', 'pred', 'proba', '2'), ('groesse', 'geschaetzt'))
    """
    return tuple(part for part in _SPLIT.split(_plain(_CAMEL.sub("_", name))) if part)


def _plain(name: str) -> str:
    """Return a name in lower case without accents; umlauts as they are written where there are none."""
    spelt = unicodedata.normalize("NFC", name.casefold()).translate(_UMLAUTS)
    return "".join(sign for sign in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(sign))


def is_id(name: str) -> bool:
    """Say whether a name is that of an id."""
    parts = words(name)
    return bool(parts) and ("_".join(parts) in ID or parts[-1] in _LAST or name.endswith(("ID", "Id")))


def is_key(name: str, held: int, distinct: int) -> bool:
    """Say whether a column of so many values, so many of them different, tells rows apart and is called so."""
    return is_id(name) and distinct > 0.5 * held and distinct > _FEWEST


def is_own(held: int, distinct: int, characters: float) -> bool:
    """Say whether nearly every row has a text of its own that is too short (on average) to be read."""
    return distinct > 0.9 * held and characters < 40
