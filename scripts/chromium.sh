#!/bin/sh
# A Chromium for the browser tests: found, else Debian's as root, else Playwright's own. The shell
# without windows is wanted first, beside a Chromium with windows too: a visit costs it a third.
set -eu
has() {
  for name in "$@"; do command -v "$name" >/dev/null 2>&1 && return 0; done
  return 1
}
debian() {
  has apt-get && [ "$(id -u)" = 0 ] || return 1
  { apt-get "$@" update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell; } \
    >/dev/null 2>&1
}
has chromium-headless-shell && exit 0
if has chromium chromium-browser google-chrome; then
  debian -o Acquire::Retries=0 -o Acquire::http::Timeout=10 || :
  exit 0
fi
# A download that failed leaves the folder behind: only the program itself counts.
find "${HOME:-/nonexistent}/.cache/ms-playwright" -type f \( -name chrome -o -name 'chrome-headless*' \) \
  2>/dev/null | grep -q . && exit 0
if has apt-get && [ "$(id -u)" = 0 ]; then
  echo "Installing Chromium for the browser tests"
  debian && exit 0
  apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 && exit 0
fi
.venv/bin/python -m playwright install chromium >/dev/null 2>&1 && exit 0
echo "No Chromium: the browser tests are left out. To run them: apt-get install chromium" >&2
