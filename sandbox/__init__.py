"""The vendor's Push API for this machine: its contract, a ledger of every push, and faults.

    python -m sandbox --port 8099 --latency 0.03 --fault drop_after=0.01

prints `Push API sandbox: http://127.0.0.1:8099/api/v1/push/send` when it is ready; --help lists
all options and faults. It stands alone: it imports nothing of the dispatcher.


The vendor's endpoint
=====================

POST /api/v1/push/send, as the vendor documents it. Where the documentation is silent:

- The user_token of the query comes before the body's.
- Of several things that are wrong with a request, the first is named, in this order: no body (2),
  no JSON object (3), token (12, 11), access (15, 23), app_id (4, 6), the application's access and
  set-up (13, 24, 25, 26), fields and their values (29, 30, 28, 4), no platform or audience (4),
  over 1000 members (27), payload (31), repeated pack_id (32), a poisoned user (30), nobody found
  (33).
- A payload (for win and uwp the toast, raw, tile or badge) takes 4096 bytes of compact JSON.
- An accepted pack_id is refused from the moment the request has been read, also while its reply is
  still on the way, for --window seconds by a monotonic clock. A refused repeat does not prolong
  that, and a refused request does not use its pack_id up.
- A member is one device: that of its token, or else of all its other identifiers together. It gets
  the push on the first platform of the message that knows one of these. An identifier that none of
  the message's platforms knows finds nobody; one that no platform at all knows is refused (29). An
  empty string and an advertising id of zeros are no identifiers.
- A member who stands in the audience twice gets two pushes, and the ledger says so.
- error_details has an entry for each unreachable device, at most 100:
  {"platform": "ios", "identifier": {"token": "..."}, "error": "BadDeviceToken"}


The control endpoints
=====================

All speak JSON. What makes no sense is answered with 400 and {"error": "one sentence"}.

GET /sandbox/ledger
    {"devices": 990,       devices that were reached
     "pushes": 990,        pushes that reached them
     "twice": 0,           devices that got more than one
     "max": 1,             most pushes to one device
     "unreachable": 7,     devices that the delivery services rejected
     "members": 1000,      members of all accepted requests
     "not_found": 3,       of these, the ones that nobody knows
     "requests": 5,        to push/send, whatever came of them
     "accepted": 1,
     "refused": {"32": 1}, by code, honest refusals only
     "faults": {"drop_after": 1}}

DELETE /sandbox/ledger
    Empties the books and forgets the requests below; refused pack_ids stay refused.

GET /sandbox/ledger/devices?token=abc    (or any other identifiers of one member)
    {"pushes": 1}

POST /sandbox/ledger/devices   [{"token": "abc"}, {"idfa": "x", "userId": "u"}]
    {"pushes": [1, 0]}         in the same order

POST /sandbox/ledger/messages  [{"token": "abc"}, {"idfa": "x", "userId": "u"}]
    {"messages": [{"ios": {"payload": {"text": "Hello"}}}, null]}
                               what each got last; of the first 100,000 devices

GET /sandbox/requests?since=0
    {"requests": [{"n": 0, "monotonic": 5.25, "wall": 1790000000.5, "pack_id": "p", "size": 61440,
                   "verdict": "accepted", "code": null, "fault": null,
                   "numbers": [997, 990, 7], "ended": 5.31}],
     "next": 1,                to ask with for the ones after these (at most 10,000 a page)
     "forgotten": 0}           how many of the asked ones are gone (100,000 are remembered)
    verdict is accepted, refused (then with its code), or unprocessed (a fault came first).
    numbers are audience, successful and erroneous of an accepted request, whatever became of its
    reply; else null. ended: when the reply was handed over or the client had left; null before.

GET /sandbox/faults
    {"latency": 0.0, "retry_after": null, "probabilities": {"drop_after": 0.01}, "conditions": [],
     "not_found": 0.0, "unreachable": 0.0, "poisoned": [], "quote_poisoned": true, "next": []}

PUT /sandbox/faults            any of these fields; those it names are replaced, the others stay
    {"latency": 0.05}
    {"probabilities": {}}      no faults by chance
    {"conditions": [24]}       every request is refused with code 24 until this is lifted
    {"poisoned": [{"userId": "anna"}, {"token": "abc"}]}
                               users whose identifier is called invalid: a request that has one of
                               them is refused (30), and reaches nobody
    {"quote_poisoned": false}  such a refusal does not tell whose it is
    {"next": [{"fault": "error_500_after"}, {"fault": null}, {"fault": "code_33"}]}
                               what the next requests meet, one each; null is none

Faults: drop_before, drop_after, reset_before, reset_after, error_500_before, error_500_after,
error_503, error_429, error_429_date, hang_before, hang_after, garbage, cut_reply, cut_headers,
redirect, drip, and code_N and quote_N for any number N. sandbox.faults.Kind says what each does.
"""
