"""demo_route.py URL HOST NEW FILE: requests without a pause while NEW becomes FILE and a route changes.

Prints who answered, and what failed; ends when the new answer has come 200 times in a row, or after 20 s.
"""

from __future__ import annotations

import collections
import http.client
import os
import sys
import time
import urllib.parse

ENOUGH = 200
LONGEST = 20.0
BEFORE = 100


def main(url: str, host: str, new: str, file: str) -> int:
    address = urllib.parse.urlsplit(url).netloc
    answers: collections.Counter[str] = collections.Counter()
    begun = time.monotonic()
    edited = changed = 0.0
    old = last = ""
    row = 0
    while row < ENOUGH and time.monotonic() - begun < LONGEST:
        if not edited and answers.total() == BEFORE:
            old, edited = last, time.monotonic()
            os.rename(new, file)
        answer = ask(address, host)
        answers[answer] += 1
        row = row + 1 if edited and answer == last and answer != old else 0
        if edited and not changed and answer != old:
            changed = time.monotonic()
        last = answer
    for answer, count in answers.items():
        print(f"    {count:5d} x {answer}")
    failed = sum(n for answer, n in answers.items() if not answer.startswith("200 "))
    took = (changed - edited) * 1000
    print(f"    {answers.total()} requests, {failed} failed; {took:.0f} ms from the edit to the new answer")
    return 1 if failed or row < ENOUGH else 0


def ask(address: str, host: str) -> str:
    link = http.client.HTTPConnection(address, timeout=5)
    try:
        link.request("GET", "/", headers={"Host": host})
        response = link.getresponse()
        return f"{response.status} {response.read().decode().strip()}"
    except (OSError, http.client.HTTPException) as error:
        return f"failed: {error!r}"
    finally:
        link.close()


sys.exit(main(*sys.argv[1:]))
