"""Players are marked as written to and their campaign is made, both or neither."""

import os

from sqlalchemy import create_engine, text

import dispatcher

engine = create_engine(os.environ["DISPATCHER_DATABASE_URL"])

with engine.begin() as connection:
    connection.execute(text("CREATE TABLE IF NOT EXISTS player (id text, written_to boolean)"))
    connection.execute(
        text("INSERT INTO player SELECT 'player-' || n, false FROM generate_series(1, 50) n")
    )

with engine.begin() as connection:
    lapsed = connection.scalars(
        text("UPDATE player SET written_to = true WHERE NOT written_to RETURNING id")
    ).all()
    campaign_id = dispatcher.enqueue(
        app_id="YOUR-APP-ID",
        message={"ios": {"payload": {"text": "Your hero is waiting."}}},
        audience=({"userId": player} for player in lapsed),
        connection=connection,
    )
    # Whatever raises before this block ends undoes both: nobody is marked, nothing is sent.

print(campaign_id)
