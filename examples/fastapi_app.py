"""An endpoint that enqueues: `enqueue` waits for PostgreSQL, so it runs in a thread of its own."""

import asyncio

from fastapi import FastAPI, HTTPException

import dispatcher

app = FastAPI()


@app.post("/campaigns/{key}")
async def send(key: str, players: list[str]) -> dict[str, str]:
    """Make the campaign of this key; the same request again answers with the same campaign."""
    try:
        campaign_id = await asyncio.to_thread(
            dispatcher.enqueue,
            app_id="YOUR-APP-ID",
            message={"ios": {"payload": {"text": "Hello"}}},
            audience=[{"userId": player} for player in players],
            key=key,
        )
    except dispatcher.CallerError as error:
        raise HTTPException(422, str(error)) from error
    except dispatcher.DispatcherError as error:
        raise HTTPException(503, str(error)) from error
    return {"id": campaign_id}
