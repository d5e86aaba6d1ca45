#!/bin/sh
# The inner loop: lint, types, and the tests nearest to what changed. Not a replacement for
# `make test`: the last line reports how many test modules were left out.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check -q .
$bin/ruff check -q .
$bin/lint-imports > /dev/null || $bin/lint-imports
$bin/python -m mypy .
$bin/python -m scripts.affected "$@"
