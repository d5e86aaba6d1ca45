"""How much and how long; sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Final

# Longer bodies reach the application unread; it refuses them by their headers. The same number as
# DATA_UPLOAD_MAX_MEMORY_SIZE, so that what Django reads is always there.
LONGEST_BODY: Final = 2_621_440
# Bodies of PUSHES, which the application stores without reading them into values: a gateway sends
# up to 8 MiB at once, 0.8.4 all of the 10,000 events that it could not send before.
LONGEST_PUSH: Final = 33_554_432
PUSHES: Final = ("/services/collector/event", "/v1/ingest/defenseclaw/")
LONGEST_HEADERS: Final = 65_536
BODY_IN_MEMORY: Final = 65_536  # of each connection; the rest waits in a file without a name

HEADERS_WITHIN_S: Final = 30
REQUEST_WITHIN_S: Final = 60  # headers and body, from the first byte
IDLE_S: Final = 75  # between two requests; more than the 60 s that nginx keeps its own end
READ_NOTHING_S: Final = 60  # a reader who takes nothing for so long is gone
LINGER_S: Final = 2  # to say a refusal while its body still comes in

CONNECTIONS: Final = 1000  # poll() has no limit of 1024 descriptors as select() has
SPARE_CONNECTIONS: Final = 50  # kept free by closing those longest without a request

UNREAD: Final = 1_048_576  # of one answer in memory; then its thread waits for the reader
PATIENCE_S: Final = 0.05  # before a spare thread takes the place of one that waits
# Eight threads and these together hold 20 database connections: what the pool has.
SPARE_THREADS: Final = 12
# Threads more while as many answers wait for somebody else; they hold no database connection then.
LENT_THREADS: Final = 100

# Requests whose credentials nobody vouched for (`waiting_order`).
UNPROVEN_AT_ONCE: Final = 1
UNPROVEN_S: Final = 0.5  # then it waits for somebody else, and another one begins
RESERVED: Final = 4  # one thread of so many is for proven callers only
OVERTAKEN_S: Final = 1.0  # an unproven caller who waited for longer goes before proven callers
PATIENT_S: Final = 5.0  # an unproven caller who waited for longer is refused with 503
PROVEN_S: Final = 300.0  # since the application vouched for them
PROVEN: Final = 10_000

STOP_WITHIN_S: Final = 8  # answers that are under way; `make up` kills after 10 to 15
SHORT_LIFE_S: Final = 5.0  # a process that ends sooner would only end again
STARVED_S: Final = 20.0
"""No Python thread but one had a turn of the interpreter (`stuck_interpreter_watchdog`)."""
