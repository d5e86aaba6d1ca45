#!/bin/sh
# Writes requirements*.txt from requirements*.in: every package with its exact version and the hashes
# of its files, for each Python from 3.12 on and each system. Needs uv (pip install uv).
set -eu
cd "$(dirname "$0")/.."
compile() { # FOLDER NAME: resolves NAME.in to FOLDER/NAME.txt
  uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-annotate --no-header \
    "$2.in" -o "$1/$2.txt"
}
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
before=
for name in requirements requirements-dev requirements-bench; do
  # What is locked already stays, unless the .in file asks for another version.
  [ -n "$before" ] && cp "$new/$before.txt" "$new/$name.txt" || cp "$name.txt" "$new/$name.txt" 2>/dev/null || true
  compile "$new" "$name"
  echo "# Made by scripts/lock.sh from $name.in, which says why each package is there." > "$name.txt"
  if [ -n "$before" ]; then
    echo "-r $before.txt" >> "$name.txt"
    # Only what the file before it does not have: a package is a line and its hashes, indented.
    awk 'NR == FNR { if ($0 !~ /^ /) known[$0] = 1; next }
         $0 !~ /^ / { own = !($0 in known) }
         own' "$new/$before.txt" "$new/$name.txt" >> "$name.txt"
  else
    cat "$new/$name.txt" >> "$name.txt"
  fi
  before=$name
done
