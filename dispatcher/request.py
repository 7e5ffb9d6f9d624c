"""The body of a request to the Push API, put together of JSON that is ready. PURE."""

import json


def head(token: str, app_id: str, campaign_tag: str | None, message: str) -> bytes:
    """What all bodies of a campaign begin with; `message` is the JSON of its platform objects."""
    fields = {"user_token": token, "app_id": app_id}
    if campaign_tag is not None:
        fields["campaign_tag"] = campaign_tag
    shared = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return f"{shared[:-1]},{message[1:-1]}".encode()


def body(head: bytes, pack_id: str, members: str) -> bytes:
    """One chunk's whole body; `members` is the JSON of an array, and is not parsed."""
    return b'%b,"pack_id":"%b","audience":%b}' % (head, pack_id.encode(), members.encode())
