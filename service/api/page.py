"""The API's documentation as one page without scripts, made from its OpenAPI schema. Nothing is fetched from anywhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark;--line:light-dark(#dcdad4,#34363a);--soft:light-dark(#6a675f,#9b9ea6);
--get:light-dark(#1d5fa8,#79b4f2);--post:light-dark(#9a5a00,#f0b35a)}
body{font:15px/1.55 system-ui,sans-serif;max-width:58rem;margin:2.5rem auto;padding:0 1.25rem;
background:light-dark(#fbfaf7,#16181b);color:light-dark(#1f1e1b,#e6e6e3)}
h1{font-size:1.6rem;margin-bottom:.25rem}h2{font-size:1.05rem;margin:2.2rem 0 .5rem}
p{margin:.4rem 0}small,.soft{color:var(--soft)}details{border-top:1px solid var(--line);padding:.45rem 0}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline}summary::before{content:"+";color:var(--soft);width:.7rem}
details[open]>summary::before{content:"\\2212"}code,pre{font:13px/1.5 ui-monospace,monospace}
.method{font:600 12px ui-monospace,monospace;width:3rem}.get{color:var(--get)}.post{color:var(--post)}
pre{border:1px solid var(--line);border-radius:4px;padding:.7rem;overflow:auto}
table{border-collapse:collapse;margin:.5rem 0;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
th{font-weight:500;color:var(--soft)}.path{flex:1}
"""


def render(schema: dict[str, Any]) -> str:
    """Return the HTML page of an OpenAPI schema."""
    groups: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["more"])[0]
            groups.setdefault(tag, []).append(_operation(path, method, operation, schema))
    sections = "".join(f"<h2>{escape(tag.capitalize())}</h2>{''.join(parts)}" for tag, parts in groups.items())
    info = schema["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} API</h1><p class=soft>{_prose(info['description'])}</p>"
        f'<p><a href="openapi.json">openapi.json</a> is the same for programs.</p>{sections}</html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    body, sample = _body(operation, schema)
    text = operation.get("description", "")
    return (
        f'<details><summary><span class="method {escape(method)}">{escape(method.upper())}</span>'
        f"<code class=path>{escape('/api' + path)}</code>"
        f"<span class=soft>{_prose(text.partition('. ')[0].partition(chr(10))[0].rstrip('.;'))}</span></summary>"
        f"<p>{_prose(text)}</p>{_parameters(operation)}{body}"
        f"<p class=soft>From a shell</p><pre>{escape(_curl(path, method, sample))}</pre></details>"
    )


def _parameters(operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code>{'' if item.get('required') else ' <small>optional</small>'}</td>"
        f"<td>{escape(item['in'])}</td><td>{escape(_kind(item['schema']))}</td>"
        f"<td>{_prose(item.get('description', ''))}</td></tr>"
        for item in operation.get("parameters", [])
    )
    return f"<table><tr><th>parameter<th>in<th>type<th></tr>{rows}</table>" if rows else ""


def _body(operation: dict[str, Any], schema: dict[str, Any]) -> tuple[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return "", None
    kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content)
    first = next(iter(content.values()))["schema"]
    sample = "" if first.get("type") == "string" else _example(first, schema, first.get("$defs", {}))
    shown = f"<pre>{escape(json.dumps(sample, indent=2, ensure_ascii=False))}</pre>" if sample != "" else ""
    return f"<p class=soft>Body: {kinds}</p>{shown}", sample


def _example(shape: dict[str, Any], schema: dict[str, Any], local: dict[str, Any]) -> Any:
    """Return a value of the shape OpenAPI describes: required members, each by its type."""
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return _example(local.get(name) or schema["components"]["schemas"][name], schema, local)
    if "anyOf" in shape:
        return _example(shape["anyOf"][0], schema, local)
    if shape.get("type") == "object":
        members = shape.get("properties", {})
        return {name: _example(inner, schema, local | shape.get("$defs", {})) for name, inner in members.items()}
    if shape.get("type") == "array":
        return [_example(shape["items"], schema, local)]
    if "default" in shape or "enum" in shape:
        return shape.get("default", shape.get("enum", [None])[0])
    samples = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
    return samples.get(
        shape.get("type", ""), "2013-06-04T12:00:00-04:00" if shape.get("format") == "date-time" else "…"
    )


def _kind(shape: dict[str, Any]) -> str:
    if "anyOf" in shape:
        return " or ".join(_kind(inner) for inner in shape["anyOf"] if inner.get("type") != "null")
    return str(shape.get("format") or shape.get("type") or "value")


def _curl(path: str, method: str, sample: Any) -> str:
    address = f"http://127.0.0.1:8501/api{path}"
    if method == "get":
        return f"curl {address}"
    if sample is None:
        return f"curl -X POST {address}"
    if sample == "":
        return f"curl -X POST --data-binary @FILE {address}"
    text = json.dumps(sample, ensure_ascii=False)
    return f"curl -X POST -H 'Content-Type: application/json' -d '{text}' {address}"


def _prose(text: str) -> str:
    """Return escaped text with `code` set as code and blank lines as breaks."""
    parts = escape(text).split("`")
    marked = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    return marked.replace("\n\n", "<br><br>")
