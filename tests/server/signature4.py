"""What S3 does with a presigned GET: Signature Version 4 in the query, of the host alone."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote


def is_good(path: str, query: str, host: str, *, secret: str, at: datetime) -> bool:
    """`path`: as it was asked for, percent-encoded. Whether it was signed with `secret`, for this
    path and host, and hasn't ended."""
    named = dict(parse_qsl(query))
    signature = named.pop("X-Amz-Signature", "")
    try:
        begins = datetime.strptime(named["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ends = begins + timedelta(seconds=int(named["X-Amz-Expires"]))
        scope = named["X-Amz-Credential"].partition("/")[2]
    except (KeyError, ValueError):
        return False
    listed = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(named.items()))
    asked = "\n".join(["GET", path, listed, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"])
    digest = hashlib.sha256(asked.encode()).hexdigest()
    text = "\n".join([named["X-Amz-Algorithm"], named["X-Amz-Date"], scope, digest])
    key = b"AWS4" + secret.encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(key.hex(), signature) and at < ends
