#!/usr/bin/env bash
# The README's commands where they are hardest: as a plain user, without Chromium, in a path with
# spaces, two at once on other ports, with each Python >= 3.12 of this machine, after a first run that
# was interrupted, on a full disk.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(mktemp -d)
chmod 755 "$base"
pids=
mounted=
finish() {
  [ -z "$mounted" ] || umount -l "$mounted" 2>/dev/null || true
  for pid in $pids; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  for pid in $pids; do wait "$pid" 2>/dev/null || true; done
  # What make started ends, and writes its last, a moment after make itself.
  for _ in $(seq 60); do
    left=
    for pid in $pids; do if kill -0 -- "-$pid" 2>/dev/null; then left=$pid; fi; done
    [ -n "$left" ] || break
    sleep 0.5
  done
  rm -rf "$base" 2>/dev/null || { sleep 3; rm -rf "$base"; }
}
trap finish EXIT

# A PATH that holds everything but browsers.
mkdir "$base/tools" "$base/home"
for program in /usr/local/bin/* /usr/bin/* /bin/*; do
  case ${program##*/} in chromium*|google-chrome*) continue ;; esac
  [ -e "$base/tools/${program##*/}" ] || ln -s "$program" "$base/tools/${program##*/}"
done

plain=
[ "$(id -u)" != 0 ] || plain="setpriv --reuid 65534 --regid 65534 --clear-groups"
as_plain_user() { # VARIABLE=VALUE… COMMAND…
  # shellcheck disable=SC2086
  $plain env -i HOME="$base/home" PATH="$base/tools" LANG=C.UTF-8 TERM=dumb \
    ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} "$@"
}
# Prints the first of five neighbouring free ports (portal, tenant, three gateways), below those that the
# kernel gives to connections.
free_ports() {
  python3 - << 'END'
import random, socket

def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

while not all(map(is_free, range(first := random.randint(10_240, 32_000), first + 5))):
    pass
print(first)
END
}

# Prints the Python, or the path of a copy of it where a plain user cannot read it (below /root).
for_plain_user() { # PYTHON VERSION
  if as_plain_user "$1" -c 'import ensurepip' 2>/dev/null; then echo "$1"; return; fi
  from=$("$1" -c 'import sys; print(sys.base_prefix)')
  to=$base/python$2
  mkdir "$to"
  tar -C "$from" --exclude=site-packages --exclude=test --exclude='*.a' -c bin lib | tar -C "$to" -x
  # It looks for its library where it was built; beside itself is where it is now.
  python3 - "$from/lib" "$to/bin/python$2" << 'END'
import sys
from pathlib import Path

built, program = sys.argv[1].encode() + b"\0", Path(sys.argv[2])
beside = b"$ORIGIN/../lib".ljust(len(built), b"\0")
if len(beside) == len(built):
    program.write_bytes(program.read_bytes().replace(built, beside))
END
  as_plain_user "$to/bin/python$2" -c 'import ensurepip' && echo "$to/bin/python$2"
}

itself() { # PYTHON VERSION: prints where it really is, behind a version manager's shim, if it is that
  "$1" -c 'import sys; print(sys.executable if sys.argv[1] == "%d.%d" % sys.version_info[:2] else "")' \
    "$2" 2>/dev/null || true
}

pythons=
for version in 3.12 3.13 3.14; do
  found=
  for python in "python$version" /usr/bin/"python$version" /usr/local/bin/"python$version" \
    "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version"*/bin/"python$version"
  do
    really=$(itself "$python" "$version")
    if [ -n "$really" ] && found=$(for_plain_user "$really" "$version"); then break; else found=; fi
  done
  if [ -n "$found" ]; then pythons="$pythons $found"
  else echo "Python $version: not on this machine, not tried"; fi
done
[ -n "$pythons" ] || exit 1
# Two at least run at once, with the same Python where there is only one.
set -- $pythons
[ $# -gt 1 ] || set -- "$1" "$1"

# A full disk: both commands name the folder and what is missing; with room the next run goes on.
if [ "$(id -u)" = 0 ] && mkdir "$base/small" && mount -t tmpfs -o size=3g none "$base/small" 2>/dev/null; then
  mounted="$base/small"
  git clone -q . "$mounted/copy"
  mount -o remount,size="$(($(du -sm "$mounted" | cut -f 1) + 8))m" "$mounted"
  chown -R 65534:65534 "$mounted/copy" "$base/home"
  for command in up test; do
    said=$(cd "$mounted/copy" && as_plain_user PORTAL_PYTHON="$1" make "$command" 2>&1) && {
      echo "make $command on a full disk did not fail"; exit 1; }
    case $said in *"Not enough space in $mounted/copy: "*" MB are free."*) ;; *)
      echo "make $command on a full disk does not say so: $said"; exit 1 ;;
    esac
  done
  mount -o remount,size=3g "$mounted"
  echo "full disk: both commands say what is missing; the first make up goes on there, with room"
else
  echo "full disk: not tried, no file system can be mounted here"
fi

copy_of() { # NUMBER: the folder of its checkout; the first one is on the disk that was full
  if [ "$1" = 1 ] && [ -n "$mounted" ]; then echo "$mounted/copy"
  else echo "$base/a path with spaces/$1"; fi
}

number=0
ports=
for python in "$@"; do
  number=$((number + 1))
  copy=$(copy_of "$number")
  [ -e "$copy" ] || git clone -q . "$copy"
  [ -z "$plain" ] || chown -R 65534:65534 "$copy" "$base/home"
  port=$(free_ports)
  ports="$ports $port"
  # What an interrupted first run leaves: a .venv without pip.
  (cd "$copy" && as_plain_user "$python" -m venv --without-pip .venv)
  # Without sample data: `make test` loads it, twice.
  gateways="$base/no-gateways.toml"
  touch "$gateways"
  set -m # a process group of its own, stopped as a whole
  (cd "$copy" && as_plain_user PORTAL_PYTHON="$python" PORTAL_PORT="$port" \
    TENANT_PORT="$((port + 1))" DEFENSECLAW_INSTANCES_FILE="$gateways" \
    make up > "$base/$number.log" 2>&1) &
  set +m
  pids="$pids $!"
done

number=0
for port in $ports; do
  number=$((number + 1))
  waited=0
  until python3 -c "import urllib.request as u; u.urlopen('http://localhost:$port/readyz')" 2>/dev/null
  do
    waited=$((waited + 1))
    [ "$waited" -le 900 ] || { tail -n 40 "$base/$number.log"; echo "make up $number: not ready"; exit 1; }
    sleep 1
  done
  echo "make up $number: ready ($("$(copy_of "$number")/.venv/bin/python" -V))"
done

# The tests run next to the newest Python's, for `make test` takes the oldest; the others would only take
# processor time from them. They are those that can tell: of processes, files, sockets and TLS.
newest=$number
number=0
left=
for pid in $pids; do
  number=$((number + 1))
  if [ "$number" = "$newest" ]; then left=$pid; continue; fi
  kill -TERM -- "-$pid"
  wait "$pid" 2>/dev/null || true
done
pids=$left

cd "$base/a path with spaces/$newest"
said=$( (as_plain_user make install-dev && as_plain_user sh scripts/chromium.sh) 2>&1 | tail -n 1)
echo "$said"
case $said in "No Chromium: "*) ;; *) echo "without Chromium this line must say what to run"; exit 1 ;; esac
(as_plain_user .venv/bin/python -m pytest -q -n 2 tests/stack tests/serving tests/local tests/http_client \
  tests/tenant/test_phone_in_a_browser.py tests/ata/test_a_refused_server_is_ended.py \
  --ignore=tests/stack/test_sample_data_stays_at_demo_gateways.py)
