"""The official verifiers of Standard Webhooks in Python, driven by lines of JSON.

In: {"secret", "headers", "body": base64, "now": seconds or null}. Out: by library, null or why it refused.
"""

import base64
import datetime
import json
import sys

import standardwebhooks
import standardwebhooks.webhooks
import svix

REAL = datetime.datetime


class Clock(REAL):
    """The library's clock, which a question may set."""

    at = None

    @classmethod
    def now(cls, tz=None):
        return REAL.now(tz) if cls.at is None else REAL.fromtimestamp(cls.at, tz)


standardwebhooks.webhooks.datetime = Clock


def told(verify):
    try:
        verify()
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"


for line in sys.stdin:
    ask = json.loads(line)
    Clock.at = ask["now"]
    body = base64.b64decode(ask["body"])
    ours = standardwebhooks.Webhook(ask["secret"])
    theirs = svix.Webhook(ask["secret"])
    answer = {
        "standardwebhooks": told(lambda: ours.verify(body, ask["headers"], json_parse=False)),
        "svix": told(lambda: theirs.verify(body, ask["headers"])),
    }
    print(json.dumps(answer), flush=True)
