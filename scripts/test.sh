#!/bin/sh
# All tests: everything on SQLite; then the rooms with tables again on PostgreSQL, beside the stories.
# That every door comes to the same outcome is told by one of them: no engine has doors of its own.
# Arguments go to pytest (`make test ARGS=…` is not needed for the whole suite).
set -eu
cd "$(dirname "$0")/.."
sh scripts/chromium.sh
workers=${TEST_WORKERS:-2}
echo "Tests on SQLite"
.venv/bin/python -m pytest -n "$workers" --dist loadgroup --ignore=tests/stories --ignore=tests/access "$@"

echo "Stories, and every page for everybody, in Chromium; meanwhile tests on PostgreSQL"
# Stories wait most of the time, so half of the workers do not disturb them.
said=$(mktemp)
.venv/bin/python -m scripts.on_postgres \
  .venv/bin/python -m pytest -n "$(((workers + 1) / 2))" --dist loadgroup \
  tests/audit tests/approvals tests/connections tests/enforcement tests/identity \
  tests/attacks/tamper tests/faults/test_storage.py \
  --ignore=tests/approvals/test_same_outcome_everywhere.py > "$said" 2>&1 &
postgres=$!
result=0
# In a process of their own: Playwright keeps an event loop that other tests must not meet.
.venv/bin/python -m pytest tests/stories tests/access "$@" || result=$?
echo "Tests on PostgreSQL"
wait "$postgres" || result=$?
cat "$said"
rm -f "$said"
exit "$result"
