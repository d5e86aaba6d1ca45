#!/bin/sh
# Known vulnerabilities of what requirements.txt names; one line says it where the database of them
# cannot be reached, and nothing was checked then.
set -eu
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
.venv/bin/pip-audit -r requirements.txt --require-hashes --disable-pip --progress-spinner off \
  -f json -o "$report" 2>/dev/null || true
.venv/bin/python - "$report" << 'END'
import json, sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
found = json.loads(text)["dependencies"] if text else []
unchecked = [each["name"] for each in found if "skip_reason" in each]
bad = [f"{each['name']} {each['version']}: {vuln['id']}" for each in found for vuln in each.get("vulns", [])]
if bad:
    sys.exit("Known vulnerabilities:\n  " + "\n  ".join(bad))
if unchecked or not found:
    print("Vulnerability audit: NOT RUN for "
          f"{len(unchecked) or 'all'} packages: the database cannot be reached from here.")
else:
    print(f"Vulnerability audit: {len(found)} packages, none has a known vulnerability.")
END
