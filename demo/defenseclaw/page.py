"""The page a visitor looks at: what this gateway holds, blocks and allows right now."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Final

from demo.defenseclaw.instance import Instance, Standing

_HOLD: Final = re.compile(r"ATA hold (?P<approval>\S+) until (?P<until>\S+)")
_SUBJECTS: Final = (
    "defenseclaw.finding.target_ref",
    "defenseclaw.scan.target_ref",
    "defenseclaw.network.target_ref",
    "defenseclaw.admin.target_ref",
)
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8885;--soft:light-dark(#5f6368,#a8adb4)}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
.demo{background:#b45309;color:#fff;padding:.25rem .75rem;border-radius:.25rem;
letter-spacing:.08em;font-weight:600}
h1{font-size:1.3rem;margin:.8rem 0 .2rem}h2{font-size:1rem;margin:1.6rem 0 .4rem}
p,.soft{color:var(--soft)}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}th{font-weight:600;font-size:.85rem}
td.t{white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--soft)}
td.d{overflow-wrap:break-word}table{min-width:34rem}
.scroll{overflow-x:auto}
.stage form{display:inline-block;margin:0 .5rem .5rem 0}button{font:inherit;padding:.3rem .7rem}
"""


_STAGED: Final = (
    ("skill", "pdf-exfil", "CRITICAL"),
    ("skill", "mail-forwarder", "CRITICAL"),
    ("mcp", "shadow-proxy", "HIGH"),
    ("plugin", "tab-counter", "MEDIUM"),
)
_STAGING: Final = (
    '<h2>Let a scanner find something</h2><div class="stage">'
    + "".join(
        '<form method="post" action="/demo/stage">'
        f'<input type="hidden" name="target_type" value="{kind}">'
        f'<input type="hidden" name="target_name" value="{name}">'
        f'<input type="hidden" name="severity" value="{severity}">'
        f"<button>{severity} in {kind} {name}</button></form>"
        for kind, name, severity in _STAGED
    )
    + "</div><p>A CRITICAL one asks an operator by itself, and is held meanwhile.</p>"
)


def render(instance: Instance) -> str:
    """Return the page as HTML; every stored text is escaped."""
    blocked = instance.listed("block")
    held = [item for item in blocked if _HOLD.match(item.reason)]
    final = [item for item in blocked if not _HOLD.match(item.reason)]
    allowed = instance.listed("allow")
    name = escape(instance.name)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="3"><title>DEMO gateway {name}</title>'
        f"<style>{_STYLE}</style></head><body><main>"
        '<span class="demo">DEMO</span>'
        f"<h1>DefenseClaw gateway {name}</h1>"
        "<p>A stand-in for a real gateway on this machine. It answers the same interface and "
        "keeps the same audit database. This page refreshes itself every 3 seconds.</p>"
        f"{_STAGING}"
        f"{_section('Held while someone is asked', held, 'Nothing is held.', _hold_reason)}"
        f"{_section('Blocked', final, 'Nothing is blocked for good.', _plain_reason)}"
        f"{_section('Allowed', allowed, 'Nothing is expressly allowed.', _plain_reason)}"
        f"{_alerts(instance)}{_recent(instance.recent(15))}</main></body></html>"
    )


def _section(
    title: str, items: Sequence[Standing], empty: str, reason: Callable[[Standing], str]
) -> str:
    heading = f"<h2>{title} <span class=soft>({len(items)})</span></h2>"
    if not items:
        return f"{heading}<p>{empty}</p>"
    rows = (
        (item.target_type, item.target_name, reason(item), item.updated_at[:19]) for item in items
    )
    return heading + _table(("Kind", "Name", "Reason", "Since (UTC)"), rows)


def _hold_reason(item: Standing) -> str:
    match = _HOLD.match(item.reason)
    if match is None:
        return item.reason
    return f"held until {match['until']}, approval {match['approval']}"


def _plain_reason(item: Standing) -> str:
    return item.reason or "no reason given"


def _alerts(instance: Instance) -> str:
    disposed = instance.dispositions()
    done = ", ".join(f"{count} {word}" for word, count in disposed.items()) or "none disposed of"
    rows = (
        (
            str(alert.get("severity", "")),
            str(alert["action"]),
            _subject(alert),
            str(alert["timestamp"])[:19].replace("T", " "),
        )
        for alert in instance.alerts(5)
    )
    heading = f"<h2>Newest open alerts <span class=soft>({escape(done)})</span></h2>"
    return heading + _table(("Severity", "Action", "About", "Time (UTC)"), rows)


def _recent(rows: Iterable[sqlite3.Row]) -> str:
    shown = (
        (
            str(row["action"]),
            _subject({**dict(row), "structured": json.loads(row["payload_json"] or "{}")}),
            str(row["request_id"] or ""),
            str(row["timestamp"])[:19].replace("T", " "),
        )
        for row in rows
    )
    heads = ("Action", "About", "Request", "Time (UTC)")
    return "<h2>Latest audit rows</h2>" + _table(heads, shown)


def _subject(event: Mapping[str, object]) -> str:
    """Say what a row is about, wherever its family keeps that."""
    body = event.get("structured")
    known = body if isinstance(body, dict) else {}
    about = event.get("target") or next((known[key] for key in _SUBJECTS if key in known), "")
    said = known.get("defenseclaw.finding.title") or event.get("details") or ""
    return " · ".join(str(part)[:120] for part in (about, said) if part)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="d">{escape(cell)}</td>' for cell in row[:-1])
        + f'<td class="t">{escape(row[-1])}</td></tr>'
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
