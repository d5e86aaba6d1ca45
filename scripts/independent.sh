#!/bin/sh
# Checks the log with programs of others: a witness (Debian's sigsum-witness, or litewitness), a proof
# checker (Debian's spicy-litetlog, or spicy), and openssl. Debian's are installed where there is a
# package and we are root; Go's are used where they are installed. One line says what is missing.
set -eu
cd "$(dirname "$0")/.."
if command -v go >/dev/null; then PATH="$PATH:$(go env GOPATH)/bin"; fi
has() { command -v "$1" >/dev/null; }
has_all() {
  { has sigsum-witness || { has litewitness && has witnessctl && has ssh-agent; }; } &&
    { has spicy-litetlog || has spicy; } && has openssl
}
if ! has_all && [ "$(id -u)" = 0 ] && has apt-get; then
  echo "Installing programs of others that check the log"
  apt-get update -qq >/dev/null 2>&1 || true
  for package in sigsum-go litetlog openssl openssh-client; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || true
  done
fi
if has_all; then
  export INDEPENDENT=1
else
  cat << 'END'
Not everything is compared with programs of others. One of these brings them:
  apt-get install sigsum-go litetlog openssl
  go install filippo.io/torchwood/cmd/litewitness@v0.6.1   (and …/witnessctl, …/spicy; needs ssh-agent)
END
fi
.venv/bin/python -m pytest tests/independent
