#!/bin/sh
# Deletes var/ unless something still runs from it.
set -eu
cd "$(dirname "$0")/.."
folder=${VAR_DIR:-var}
if [ -e "$folder/up.lock" ] && ! flock -n "$folder/up.lock" true 2>/dev/null; then
  echo "'make up' is still running from $folder: stop it first (Ctrl-C)." >&2
  exit 1
fi
if [ -e "$folder" ] && [ ! -e "$folder/secrets" ]; then
  echo "$folder does not look like ours (no secrets/ inside): not deleted." >&2
  exit 1
fi
rm -rf -- "$folder"
echo "Deleted $folder."
