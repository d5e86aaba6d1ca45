#!/bin/sh
# Holds the log to programs that nobody here wrote: Debian's sigsum-witness, spicy-litetlog, openssl.
# As root on Debian they are installed; elsewhere one line says how to get them, and what is there
# is used.
set -eu
cd "$(dirname "$0")/.."
missing() { ! command -v sigsum-witness >/dev/null || ! command -v spicy-litetlog >/dev/null; }
if missing && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing programs of others that check the log"
  (apt-get update -qq && apt-get install -y -qq --no-install-recommends sigsum-go litetlog openssl) \
    >/dev/null 2>&1 || true
fi
if missing; then
  echo "Not everything is compared with programs of others: apt-get install sigsum-go litetlog openssl"
else
  export INDEPENDENT=1
fi
.venv/bin/python -m pytest tests/independent
