#!/bin/sh
# All tests: everything on SQLite, the rooms with tables again on PostgreSQL.
# Arguments go to pytest (`make test ARGS=…` is not needed for the whole suite).
set -eu
cd "$(dirname "$0")/.."
sh scripts/chromium.sh
workers=${TEST_WORKERS:-2}
echo "Tests on SQLite"
.venv/bin/python -m pytest -n "$workers" --dist loadfile --ignore=tests/stories --ignore=tests/access "$@"
echo "Stories, and every page for everybody, in Chromium"
# In a process of their own: Playwright keeps an event loop that other tests must not meet.
.venv/bin/python -m pytest tests/stories tests/access "$@"
echo "Tests on PostgreSQL"
.venv/bin/python -m scripts.on_postgres \
  .venv/bin/python -m pytest -n "$workers" --dist loadfile \
  tests/audit tests/approvals tests/connections tests/enforcement tests/identity \
  tests/attacks/tamper tests/faults/test_storage.py
