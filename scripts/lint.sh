#!/bin/sh
# Format, lint, code that nobody uses, template lint, import contracts, migrations not written yet.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check .
$bin/ruff check .
$bin/python -m scripts.unused_code
find templates local -name '*.html' -print0 | xargs -0 $bin/djade --target-version 6.1 --check
$bin/djlint templates local --lint --quiet
$bin/lint-imports
$bin/python manage.py makemigrations --check --dry-run
