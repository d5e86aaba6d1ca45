"""A stand-in for the skill and plugin scanners: patterns of plainly malicious content."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

from local.gateway.audit.instants import now_ns
from local.gateway.audit.scan_rows import Finding, ScanReport

FAIL_FILE: Final = "scanner-fails"
"""A file of this name in the stand-in's home makes every scan fail."""
_LARGEST: Final = 1_000_000
_PATTERNS: Final = (
    ("DATA_EXFIL_PIPELINE", "CRITICAL", "Dangerous data flow in command pipeline",
     r"(?:credentials|id_rsa|\.netrc)[^\n]*\|[^\n]*(?:curl|wget|nc)\b"),
    ("DATA_EXFIL_POST", "CRITICAL", "HTTP POST request that may send data externally",
     r"requests\.post\(|urlopen\([^\n]*data=|curl\b[^\n]*(?:-d|--data\S*|-X\s*POST)\b"),
    ("CODE_EXECUTION", "CRITICAL", "Dangerous code execution function", r"\b(?:exec|eval)\("),
    ("PIPE_TO_SHELL", "CRITICAL", "Downloaded content is run by a shell",
     r"(?:curl|wget)\b[^|\n]*\|\s*(?:sudo\s+)?(?:ba|z)?sh\b"),
    ("DESTRUCTIVE_COMMAND", "CRITICAL", "Recursive force delete", r"\brm\s+-rf\s+[/~]"),
    ("PROMPT_INJECTION", "HIGH", "Instruction override", r"ignore (?:all )?previous instructions"),
    ("SECRET_FILE_READ", "HIGH", "Opening sensitive system or credential files",
     r"\.aws/credentials|\.ssh/id_|/etc/shadow"),
    ("SHELL_TRUE", "HIGH", "Shell command execution with shell=True", r"shell\s*=\s*True"),
)  # fmt: skip
_COMPILED: Final = tuple(
    (rule, severity, title, re.compile(pattern, re.IGNORECASE))
    for rule, severity, title, pattern in _PATTERNS
)


class ScanFailed(Exception):
    """The scanner ended with an error."""


def scan_folder(home: Path, kind: str, folder: Path, seconds: float) -> ScanReport:
    """Scan a skill or plugin; takes `seconds`. Raises ScanFailed."""
    started = now_ns()
    findings = _findings_in(folder)
    if kind == "plugin":
        findings += _plugin_findings(folder)
    time.sleep(seconds)
    if (home / FAIL_FILE).exists():
        raise ScanFailed(f"scanner: {kind}-scanner: exit status 1")
    return ScanReport(f"{kind}-scanner", str(folder), tuple(findings), started, now_ns() - started)


def _findings_in(folder: Path) -> list[Finding]:
    found: list[Finding] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _LARGEST:
            text = path.read_text(errors="replace")
            found += findings_in_text(text, str(path.relative_to(folder)))
    return found


def findings_in_text(text: str, name: str) -> list[Finding]:
    """Return what the patterns find in one file's text."""
    found: list[Finding] = []
    for rule, severity, title, pattern in _COMPILED:
        match = pattern.search(text)
        if match:
            line = text.count("\n", 0, match.start()) + 1
            found.append(Finding(rule, severity, title, f"{name}:{line}", "Remove it."))
    return found


def _plugin_findings(folder: Path) -> list[Finding]:
    if not any(folder.iterdir()):
        return [Finding("PLUGIN_NO_MANIFEST", "HIGH", "Plugin without a manifest", "")]
    return [Finding("PLUGIN_NO_LICENSE", "LOW", "Plugin does not name a license", "")]
