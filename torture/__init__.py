"""Kill anything: the real stack under load, its processes killed at seeded instants, then judged.

`make torture` runs it. The driver acts from outside over HTTP and keeps its own journal of every
answer it was given; `torture.judge` holds the databases and files against that journal.
"""
