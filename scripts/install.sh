#!/bin/sh
# install REQUIREMENTS: makes .venv once and installs exactly what the file pins, when it changed.
# .venv/.complete stands there while nothing is being made or installed: a .venv without it was left
# by a run that was interrupted or failed, and is made again from nothing.
set -eu
cd "$(dirname "$0")/.."
requirements=$1
stamp=".venv/.installed-$requirements"
want=$(cat requirements.txt "$requirements" pyproject.toml scripts/install.sh | cksum)
usable() { [ -e .venv/.complete ] && .venv/bin/python -c "$1" 2>/dev/null; }
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && usable 'import pip'; then exit 0; fi

# Megabytes: what is installed, and its archives while they are unpacked.
case $requirements in requirements.txt) installed=300 archives=150 ;; *) installed=900 archives=350 ;; esac
enough() {
  sh scripts/space.sh "$(pwd)" "$installed" "installing $requirements" &&
    sh scripts/space.sh "${TMPDIR:-/tmp}" "$archives" "unpacking what $requirements names"
}
if usable 'import pip, sys; sys.exit(sys.version_info < (3, 12))'; then
  installed=$((installed / 2)) # most of it is there already
  enough
else
  python=$(sh scripts/python.sh)
  rm -rf .venv
  enough
  echo "Making .venv with $("$python" -V 2>&1) ($python)"
  "$python" -m venv .venv || { enough; exit 1; }
fi
rm -f .venv/.complete
echo "Installing $requirements"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements" || {
  installed=50 archives=50
  enough
  exit 1
}
# `ata` on the path of the virtual environment, without a build step: the checkout is the package.
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pwd > "$site/auth0_ata.pth"
printf '#!%s/.venv/bin/python\nfrom ata.__main__ import main\nmain()\n' "$(pwd)" > .venv/bin/ata
# A shebang cannot hold a space: fall back to the shell where the checkout's path has one.
case $(pwd) in *" "*)
  printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m ata "$@"\n' "$(pwd)" > .venv/bin/ata ;;
esac
chmod +x .venv/bin/ata
printf '%s\n' "$want" > "$stamp"
touch .venv/.complete
