#!/bin/sh
# install REQUIREMENTS: makes .venv once and installs exactly what the file pins, when it changed.
set -eu
cd "$(dirname "$0")/.."
requirements=$1
stamp=".venv/.installed-$requirements"
want=$(cat requirements.txt "$requirements" pyproject.toml scripts/install.sh | cksum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ]; then exit 0; fi
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
  python=$(sh scripts/python.sh)
  echo "Making .venv with $("$python" -V 2>&1) ($python)"
  "$python" -m venv --clear .venv
fi
echo "Installing $requirements"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements"
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
