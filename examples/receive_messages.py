"""Receive messages: check that each is genuine and of these minutes, print it once. Needs nothing but Python.

    INCENTIVES_HOOK_SECRET=whsec_… python examples/receive_messages.py 9000

The secret is shown once, where an admin adds the address of this program: People and access, Messages to other
systems. Answer within ten seconds and work afterwards: what is not answered with 2xx is sent again.
"""

# ruff: noqa: T201 (it speaks by printing)
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

OLDEST_SECONDS = 300
SEEN = set()


def is_genuine(headers, body, secret, now):
    """Whether a message was signed with this secret (Standard Webhooks), and not long ago."""
    number, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdecimal() or abs(now - int(sent)) > OLDEST_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{number}.{sent}.".encode() + body, hashlib.sha256).digest()
    ours = "v1," + base64.b64encode(digest).decode()
    return any(hmac.compare_digest(ours, each) for each in signatures.split())


class Receiver(BaseHTTPRequestHandler):
    """Answers at once; a message that comes again is taken again, and printed once."""

    secret = os.environ.get("INCENTIVES_HOOK_SECRET", "")

    def do_POST(self):
        """Take a message."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        genuine = is_genuine(self.headers, body, self.secret, time.time())
        self.send_response(204 if genuine else 400)
        self.end_headers()
        if genuine and self.headers["webhook-id"] not in SEEN:
            SEEN.add(self.headers["webhook-id"])
            message = json.loads(body)
            print(message["type"], json.dumps(message["data"]), flush=True)

    def log_message(self, *_):
        """Say nothing else."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
