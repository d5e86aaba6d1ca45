#!/bin/sh
# keep CMD…: start CMD again when it dies; give up when it died 5 times within a minute.
# The process manager signals the whole group, so CMD and this loop stop together. When the
# manager itself is killed (ATA_UP_PID is gone), the group ends too and leaves no port taken. What a
# killed CMD had started would live on beside the new one: it is known by ATA_KEPT and ended first.
# Where `sleep` itself is gone, as when a system is taken down around us, Python waits; where that is
# gone too nothing goes on without a pause: the loop gives up, and the watch ends the group.
stop=0
trap 'stop=1' TERM INT
pause() { sleep "$1" || [ "$stop" -eq 1 ] || python3 -c "import time; time.sleep($1)"; }
# Ends the group when the manager is gone, and itself when this loop ($$) is.
watch() {
  trap '' TERM INT
  while kill -0 "$ATA_UP_PID"; do kill -0 $$ || exit 0; pause 2 || break; done
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 $$ || exit 0; kill -TERM 0; pause 1 || break; done
  kill -KILL 0
}
if [ -n "${ATA_UP_PID:-}" ]; then watch </dev/null >/dev/null 2>&1 & fi
# Linux only: elsewhere nobody can be found by their environment.
end_orphans() {
  for found in $(grep -lszx "ATA_KEPT=$1" /proc/[0-9]*/environ); do
    found=${found#/proc/}
    kill -KILL "${found%/environ}" 2>/dev/null
  done
}
deaths=0
started=0
first=$(date +%s)
mark="$$.$first"
while [ "$stop" -eq 0 ]; do
  started=$((started + 1))
  ATA_KEPT="$mark.$started" "$@"
  code=$?
  end_orphans "$mark.$started"
  [ "$stop" -eq 1 ] && exit 0
  now=$(date +%s)
  if [ $((now - first)) -gt 60 ]; then deaths=0; first=$now; fi
  deaths=$((deaths + 1))
  if [ "$deaths" -ge 5 ]; then
    echo "gave up: died $deaths times within a minute (last exit code $code)" >&2
    exit 1
  fi
  echo "ended with code $code; starting again" >&2
  pause 1 || { echo "gave up: nothing here can wait, since sleep is gone" >&2; exit 1; }
  [ "$stop" -eq 1 ] && exit 0
done
