#!/bin/sh
# Prints a Python >= 3.12 that can make virtual environments. Each candidate is run before it is
# believed: a version manager's shim may be on PATH and still fail.
set -eu
probe='import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 12) else 1)'
candidates="${PORTAL_PYTHON:-} python3.14 python3.13 python3.12 python3"
for folder in /usr/bin /usr/local/bin /opt/homebrew/bin; do
  for name in python3.14 python3.13 python3.12; do candidates="$candidates $folder/$name"; done
done
for found in "${HOME:-/nonexistent}"/.pyenv/versions/3.1[2-9]*/bin/python; do
  [ -x "$found" ] && candidates="$candidates $found"
done
for candidate in $candidates; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$probe" >/dev/null 2>&1; then
    command -v "$candidate"
    exit 0
  fi
done
cat >&2 <<'END'
No Python 3.12 or newer with the venv module was found.
  Debian / Ubuntu:  apt-get install python3-venv   (or python3.13-venv)
  elsewhere:        install Python 3.12+ and set PORTAL_PYTHON=/path/to/python
END
exit 1
