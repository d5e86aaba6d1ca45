"""`python -m tests.serving.serve_with NAME=NUMBER… -- ARGUMENTS`: the server with other limits.

Nobody wants to wait a minute for a time limit in a test.
"""

from __future__ import annotations

import sys

from serving import limits

if __name__ == "__main__":
    dashes = sys.argv.index("--")
    for word in sys.argv[1:dashes]:
        name, _, number = word.partition("=")
        assert hasattr(limits, name), name
        setattr(limits, name, float(number) if "." in number else int(number))
    from serving.__main__ import main  # reads the limits when it is imported

    raise SystemExit(main(sys.argv[dashes + 1 :]))
