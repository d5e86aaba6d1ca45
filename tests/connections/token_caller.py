"""A gateway's process: it has a URL and a token, and imports nothing of ours.

    python tests/connections/token_caller.py     (JSON on standard input, JSON back)

`{"url", "token", "asks": [{"query", "headers"}]}`: all asks at once, the answers in their order as
`{"status", "headers", "body"}`. It ends with its input, so that its memory can be looked at.
"""

import json
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def ask(url: str, token: str, query: str, headers: dict[str, str]) -> dict[str, object]:
    """One request."""
    sent = {"Authorization": f"Bearer {token}", **headers}
    request = urllib.request.Request(f"{url}/v1/auth/token?{query}", headers=sent)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        return {
            "status": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers.items()},
            "body": json.loads(answer.read()),
        }


if __name__ == "__main__":
    for line in sys.stdin:
        told = json.loads(line)
        with ThreadPoolExecutor(len(told["asks"])) as pool:
            asked = [
                pool.submit(ask, told["url"], told["token"], one["query"], one["headers"])
                for one in told["asks"]
            ]
            print(json.dumps([one.result() for one in asked]), flush=True)
