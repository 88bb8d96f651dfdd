"""The frame of a page that is a file: no script, nothing fetched, light and dark, readable without colours and in print."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Any

_LONGEST = 2000
_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--panel:#f5f6f8;--text:#161b26;--muted:#59616f;--line:#dde1e8;--accent:#0065a8;--old:#6f7787;
--fail:#b3261e;--fail-bg:#fce9e7;--warn:#8f4a00;--warn-bg:#fdf0dd;--pass:#00674d;--pass-bg:#ddf3eb;--info:#59616f;--info-bg:#eceef2}
@media(prefers-color-scheme:dark){:root{--bg:#0e1218;--panel:#171c25;--text:#e7eaf0;--muted:#9aa3b2;--line:#2b3240;--accent:#5bb3ee;
--old:#8a93a3;--fail:#ff7768;--fail-bg:#3b1b1a;--warn:#f2a950;--warn-bg:#38280f;--pass:#4fc9a0;--pass-bg:#0f2f27;--info:#9aa3b2;--info-bg:#222833}}
html{font-size:14px}*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:14px/1.5 "IBM Plex Sans",system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{font-size:1.6rem;margin:0 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.25rem 0 .6rem}p{margin:.4rem 0}.lead{font-size:1.1rem;max-width:52rem;overflow-wrap:anywhere}
.muted,caption,figcaption{color:var(--muted)}.badge{display:inline-block;border-radius:6px;padding:.05rem .55rem;font-weight:600;white-space:nowrap}
.b-pass{color:var(--pass);background:var(--pass-bg)}.b-warn{color:var(--warn);background:var(--warn-bg)}
.b-fail{color:var(--fail);background:var(--fail-bg)}.b-info{color:var(--info);background:var(--info-bg)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.2rem 0 .5rem}
th,td{padding:.4rem .5rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle;font-weight:400}
thead th{color:var(--muted);white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody th{overflow-wrap:anywhere;min-width:11rem}td.said{min-width:9rem}tr.group th{font-weight:600;background:var(--panel)}
dl{display:grid;grid-template-columns:minmax(9rem,14rem) 1fr;gap:.3rem 1rem;margin:0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.5 "IBM Plex Mono",ui-monospace,monospace;overflow-wrap:anywhere}ul{margin:.3rem 0;padding-left:1.2rem}
svg{display:block;max-width:100%;height:auto}td svg{max-width:none}.zero{stroke:var(--muted);stroke-dasharray:2 2}.bar{stroke-width:2;stroke:currentColor}.dot{fill:currentColor}
.v-pass{color:var(--pass)}.v-warn{color:var(--warn)}.v-fail{color:var(--fail)}.v-info{color:var(--info)}
.curve text{font-size:12px;fill:var(--muted)}.grid{stroke:var(--line)}.perfect{stroke:var(--muted);stroke-dasharray:4 4}
.curve polyline{fill:none;stroke:currentColor;stroke-width:2}.curve .bar{stroke-width:1}.new{color:var(--accent)}.old{color:var(--old)}.old .dot{fill:var(--bg);stroke:currentColor;stroke-width:1.5}
figure{margin:0;display:flex;flex-wrap:wrap;gap:1.5rem;align-items:flex-start}figure>div{flex:1;min-width:16rem}details{margin:.4rem 0}summary{cursor:pointer}
@media print{details>*{display:block}main{padding:0}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
#: For the answer that carries such a page: names from strangers' data are in it, so it may do nothing at all.
HEADERS = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"}


def document(title: str, body: str, style: str = "") -> str:
    """Return a whole page; ``title`` is escaped here, ``body`` and ``style`` are written as they are."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{text(title)}</title>'
        f"<style>{_STYLE}{style}</style></head><body><main><h1>{text(title)}</h1>{body}</main></body></html>\n"
    )


def pairs(found: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as a list; what is empty is left out."""
    shown = [(name, value) for name, value in found if value not in (None, "")]
    return f"<dl>{''.join(f'<dt>{text(name)}</dt><dd>{text(value)}</dd>' for name, value in shown)}</dl>"


def moment(iso: str) -> str:
    """Return an ISO 8601 time as people write it, to the minute."""
    at = datetime.fromisoformat(iso)
    return f"{at.day} {at:%b %Y %H:%M} (UTC{at.isoformat()[-6:]})"


def text(value: object) -> str:
    """Return a value as text that is nothing but text: escaped, without what does not print or turns its direction, not endless."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return escape(shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…")
