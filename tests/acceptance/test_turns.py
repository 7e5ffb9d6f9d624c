"""What is dear to look at takes turns: whoever looks keeps nobody from steering."""

from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import create_engine, text

from tests.acceptance.http_api import running_api
from tests.acceptance.program import APP, MESSAGE, Program
from tests.waiting import eventually

LATER = {"send_at": "2190-01-01T10:00+01:00"}
AT_ONCE, MAY_WAIT, COME = 1, 20, 30


def test_many_who_verify_leave_room_for_whoever_pauses(own_books: Program) -> None:
    order = {"app_id": APP, "message": MESSAGE, "members": [{"userId": "anna"}], **LATER}
    stalling_engine = create_engine(own_books.environment["DISPATCHER_DATABASE_URL"])
    with running_api(own_books) as api:
        viewer, operator = api.having("viewer"), api.having("operator")
        campaign = f"/campaigns/{operator.ask('POST', '/campaigns', order).json()['id']}"
        with ThreadPoolExecutor(COME) as visitors:
            with stalling_engine.connect() as stalling:
                stalling.execute(text("LOCK TABLE part"))  # which nothing else reads
                looks = [
                    visitors.submit(viewer.ask, "GET", f"{campaign}/verify") for _ in range(COME)
                ]
                eventually(
                    lambda: sum(look.done() for look in looks) >= COME - AT_ONCE - MAY_WAIT,
                    within=60,
                )
                turned_away = [look.result() for look in looks if look.done()]
                paused = operator.ask("POST", f"{campaign}/pause")
                listed = viewer.ask("GET", "/campaigns")
            wait(looks, timeout=60)
    stalling_engine.dispose()

    for answer in turned_away:
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert answer.json()["detail"] == "Others verify campaigns: try again in a few seconds."
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert listed.status_code == 200
    sound = [look.result().json().get("sound") for look in looks]
    assert sound.count(True) >= MAY_WAIT
