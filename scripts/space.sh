#!/bin/sh
# space FOLDER MB WHAT: ends with 1 and says so where the file system of FOLDER (or of the nearest
# parent that exists) has less than MB free.
set -eu
folder=$1
while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge "$2" ] && exit 0
echo "Not enough space in $1: $3 needs about $2 MB, $free MB are free. Free $(($2 - free)) MB and run it again." >&2
exit 1
