#!/bin/sh
# A Chromium for the browser tests: found, else Debian's as root, else Playwright's own.
set -eu
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
# A download that failed leaves the folder behind: only the program itself counts.
find "${HOME:-/nonexistent}/.cache/ms-playwright" -type f \( -name chrome -o -name 'chrome-headless*' \) \
  2>/dev/null | grep -q . && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Chromium for the browser tests"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 && exit 0
fi
.venv/bin/python -m playwright install chromium >/dev/null 2>&1 && exit 0
echo "No Chromium: the browser tests are left out. To run them: apt-get install chromium" >&2
