"""A gateway as its own process: it has a token and an address, and nothing of ours.

Run with `python -I`; the token and what to ask for come by standard input, answers go out as JSON.
All processes begin in the same moment, so that they meet.
"""

import json
import sys
import time
import urllib.error
import urllib.request


def ask(url: str, token: str, scopes: str) -> list[object]:
    """Status and body of one request for a token."""
    headers = {
        "Authorization": f"Bearer {token}",
        "ATA-Agent": "release-bot",
        "ATA-Skill": "mcp:github-mcp",
        "ATA-Scopes": scopes,
    }
    request = urllib.request.Request(f"{url}/v1/auth/token?connection=github", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]


given = json.load(sys.stdin)
time.sleep(max(0.0, given["at"] - time.time()))
print(json.dumps([ask(given["url"], given["token"], scopes) for scopes in given["scopes"]]))
