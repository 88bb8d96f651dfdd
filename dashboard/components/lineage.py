"""Where a version comes from, and files of it to take along."""

from __future__ import annotations

import json
from typing import Literal

import streamlit as st

from dashboard import state, text
from dashboard.components import errors
from service.views import ModelView, VersionView
from service.workspace import WorkspaceError

_FILES: dict[str, tuple[str, str]] = {
    "artefact": ("Artefact", "The model itself, as it is kept"),
    "onnx": ("ONNX", "Runs in any language"),
    "parameters": ("Parameters", "Of a linear model, as JSON"),
}
_READY = "_prepared_file"


def draw(model: ModelView, version: VersionView) -> None:
    """Draw a panel with a version's lineage; asked for only when it is opened."""
    panel = st.expander("Lineage and files", icon=":material/account_tree:", key="lineage_panel", on_change="rerun")
    if not panel.open:
        return
    with panel, errors.in_words():
        found = state.workspace().lineage(model["name"], version["version"])
        zone = model["timezone"]
        facts = {
            "Made": f"{text.moment(found['created_at'], zone, year=True)} by {text.plain(found['created_by'], 60)} ({text.plain(found['origin'])})",
            "Why": text.plain(found["reason"] or "not said", 300),
            "Rows": f"{text.count(found['rows'])}, SHA-256 {_short(found['data_sha256'])}",
            "Query": text.plain(found["query"] or "not known", 300),
            "Trainer": f"{text.plain(found['trainer'], 60)}, seed {text.plain(found['seed'])}, code {_short(found['code_sha256'])}",
            "Parameters": text.plain(json.dumps(found["params"], ensure_ascii=False), 600),
            "Libraries": text.plain(
                ", ".join(f"{name} {version}" for name, version in found["libraries"].items()), 400
            ),
            "Beside it": text.plain("; ".join(_baseline(one) for one in found["baselines"]) or "no baseline", 300),
            "Artefact": f"{text.plain(found['artefact_format'])}, {text.count(found['artefact_bytes'])} bytes, SHA-256 {_short(found['artefact_sha256'])}",
        }
        for name, words in facts.items():
            st.markdown(f":gray[{name}] {words}")
        for note in found["notes"]:
            st.caption(text.plain(note, 300))
        _files(model["name"], version["version"])


def _short(digest: str | None) -> str:
    return f"`{text.clean(digest, 64)[:12]}…`" if digest else "not known"


def _baseline(one: dict[str, object]) -> str:
    value = one.get("value")
    return f"{one.get('name')}: {one.get('metric')} {text.number(value if isinstance(value, float) else None)}"


def _files(model: str, version: str) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for name, (label, why) in _FILES.items():
            st.button(
                label,
                icon=":material/file_save:",
                help=why,
                key=f"file_{name}",
                on_click=_prepare,
                args=(model, version, name),
            )
        st.button(
            "Gate report",
            icon=":material/description:",
            help="One HTML file, readable offline",
            key="file_report",
            on_click=_prepare,
            args=(model, version, "report"),
        )
    ready = st.session_state.get(_READY)
    if ready and ready[0] == (model, version):
        _, name, data, error = ready
        if error:
            st.error(text.plain(error, 400), icon=":material/error:")
        else:
            st.download_button(
                f"Download {text.plain(name, 80)}",
                data,
                file_name=name,
                icon=":material/download:",
                on_click="ignore",
                key="file_download",
            )


def _prepare(model: str, version: str, what: Literal["artefact", "onnx", "parameters", "report"]) -> None:
    ws = state.workspace()
    try:
        path = ws.gate_report(model, version) if what == "report" else ws.export_version(model, version, what)
        st.session_state[_READY] = ((model, version), path.name, path.read_bytes(), None)
    except WorkspaceError as error:
        st.session_state[_READY] = ((model, version), "", b"", str(error))
