"""While a batch is made nobody looks through it for garbage; afterwards all is as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own: that of the tests has no collector, and keeps its objects apart.
CODE = """
import gc, weakref
from audit.uncollected import uncollected

class Circle:
    def __init__(self):
        self.me = self

looks = []
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
with uncollected():
    kept, gone = [[] for _ in range(100_000)], weakref.ref(Circle())
    assert not gc.isenabled() and not looks
assert gc.isenabled() and not gc.get_freeze_count()
more = [[] for _ in range(10_000)]
assert looks and 2 not in looks, looks
assert any(one is kept for one in gc.get_objects(2))
assert gone() is not None and gc.collect() and gone() is None

try:
    with uncollected():
        raise KeyError
except KeyError:
    assert gc.isenabled()
gc.disable()
with uncollected(): pass
assert not gc.isenabled()
gc.enable(); gc.freeze()
with uncollected(): pass
assert gc.isenabled() and gc.get_freeze_count()
print("as it was")
"""


def test_the_collector_rests_for_a_batch_and_finds_what_was_dropped_in_it() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "as it was", run.stderr
