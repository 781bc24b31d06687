"""Send what a bank or a billing system knows, safely again and again. Needs nothing but Python.

    INCENTIVES_URL=https://pay.example.com INCENTIVES_TOKEN=inc_… python examples/send_events.py events.json

The file holds a list of events, in the columns of events.csv. The token needs facts:write. What was sent before is
a duplicate and adds nothing; what came before with other content waits for a person, and is told here.
"""

# ruff: noqa: T201, PTH123 (it speaks by printing, and takes any path)
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request

AT_ONCE = 500
ATTEMPTS = 5


def main(path):
    """Send every event of a file; 0 where each is in the books, 1 where some wait or were refused."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)
    counts = {"accepted": 0, "duplicate": 0, "conflict": 0}
    for first in range(0, len(events), AT_ONCE):
        status, answer = send(events[first : first + AT_ONCE])
        if status != 200:
            for each in answer.get("errors", [answer]):
                print(each.get("pointer", ""), each.get("detail", each.get("title")), file=sys.stderr)
            return 1
        for event in answer["events"]:
            counts[event["outcome"]] += 1
            if event["outcome"] == "conflict":
                print(f"{event['event_id']} is known with other content: somebody decides.", file=sys.stderr)
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if counts["conflict"] else 0


def send(events):
    """One request, tried again where that can help. Its key is its content: however often sent, it counts once."""
    body = json.dumps({"events": events}).encode()
    request = urllib.request.Request(
        os.environ["INCENTIVES_URL"] + "/api/v1/events",
        data=body,
        headers={
            "Authorization": f"Bearer {os.environ['INCENTIVES_TOKEN']}",
            "Content-Type": "application/json",
            "Idempotency-Key": hashlib.sha256(body).hexdigest(),
        },
    )
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=60) as answered:
                return answered.status, json.load(answered)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503, 504) or attempt == ATTEMPTS - 1:
                return error.code, json.load(error)
            time.sleep(int(error.headers.get("Retry-After") or 2**attempt))
        except urllib.error.URLError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(2**attempt)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
