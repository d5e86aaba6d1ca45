#!/bin/sh
# All tests: everything on SQLite; beside it stories and every page for everybody in Chromium, and then
# every query of the rooms with tables again on PostgreSQL; and the flows of people against another
# provider that fails. Each of them waits a good part of its time, for processes, clocks and pages:
# three workers on SQLite and a run beside them keep two cores busy. tests/elsewhere waits for
# nearly all of its time, for the limits of its provider by the clock: it holds up nobody, and a
# worker of another run would stand still.
# That every door comes to the same outcome is told by one engine: none has doors of its own.
# What compares times waits for quiet: tests marked `longer` run in `make longer` and `make sequences`.
# Arguments go to pytest (`make test ARGS=…` is not needed for the whole suite).
set -eu
set -- -m "not longer" "$@"
cd "$(dirname "$0")/.."
sh scripts/space.sh "${TMPDIR:-/tmp}" 2000 "make test"
sh scripts/chromium.sh
workers=${TEST_WORKERS:-3}
said=$(mktemp -d)
export TEST_DEAREST="$said"  # each run leaves there what its files cost; told together in the end

unset PYTHONDONTWRITEBYTECODE
# Stories run in a separate process: Playwright keeps an event loop that other tests must not meet. They
# start first, because their portal takes a while to start, and PostgreSQL follows them: a portal that
# only runs uses a seventh of a core. Tests that restart the portal come last.
{
  ended=0
  .venv/bin/python -m pytest tests/stories tests/access tests/processes "$@" \
    > "$said/stories" 2>&1 || ended=$?
  .venv/bin/python -m scripts.on_postgres \
    .venv/bin/python -m pytest -m "not longer" -p tests.support.one_engine -n 2 \
    tests/audit tests/approvals tests/connections tests/enforcement tests/accounts \
    tests/attacks/tamper tests/attacks/step_up/test_workers_race.py tests/faults/test_storage.py \
    tests/faults/test_the_database_is_busy.py \
    tests/callers tests/corpus tests/compatibility \
    --ignore=tests/approvals/test_same_outcome_everywhere.py > "$said/postgres" 2>&1 || ended=$?
  exit "$ended"
} &
stories_and_postgres=$!
.venv/bin/python -m pytest tests/elsewhere "$@" > "$said/elsewhere" 2>&1 &
elsewhere=$!
# Hundreds of processes load the same files: let them be compiled once, and what pytest makes of the
# tests too, before several workers would each do it for themselves.
.venv/bin/python -m compileall -q -x '/(\.venv|var|build)/' . || :
compiled=tests/__pycache__/.compiled
if [ ! -e "$compiled" ] || [ -n "$(find tests -name '*.py' -newer "$compiled" | head -n 1)" ]; then
  mkdir -p tests/__pycache__
  touch "$said/began"
  .venv/bin/python -m pytest --collect-only > "$said/collected" 2>&1 || :
  cp -p "$said/began" "$compiled"
fi

result=0
echo "Tests on SQLite; meanwhile in Chromium, then on PostgreSQL, and against another provider"
.venv/bin/python -m pytest -n "$workers" \
  --ignore=tests/stories --ignore=tests/access --ignore=tests/processes \
  --ignore=tests/elsewhere "$@" || result=$?
wait "$elsewhere" || result=$?
wait "$stories_and_postgres" || result=$?
echo "Stories, and every page for everybody, in Chromium"
cat "$said/stories"
echo "Flows against another provider that fails"
cat "$said/elsewhere"
echo "Tests on PostgreSQL"
cat "$said/postgres"
.venv/bin/python -m tests.support.processor_time "$said"
rm -rf "$said"
exit "$result"
