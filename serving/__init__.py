"""Takes requests in whole before a thread is used, and lends no thread to a reader who waits.

A WSGI server out of waitress: its one event loop reads headers and bodies, its threads run the
application. What is added here is what waitress leaves open: time limits for a request that does
not come to its end, space for new connections when all connections are taken, spare threads while
readers are slow, refusals that the application words itself, and a stop that lets answers end. It
knows nothing of Django; `python -m serving MODULE:NAME` serves any WSGI application.
"""
