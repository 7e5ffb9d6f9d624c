"""Every morning's campaign, from cron: however often it runs in a day, it is sent once.

0 9 * * *  /srv/app/.venv/bin/python /srv/app/examples/cron.py
"""

import sys
from datetime import date

import dispatcher

try:
    campaign_id = dispatcher.enqueue(
        app_id="YOUR-APP-ID",
        message={"android": {"payload": {"text": "Your daily chest is here."}}},
        audience=({"userId": f"player-{number}"} for number in range(1, 101)),
        key=f"daily-chest-{date.today().isoformat()}",
    )
except dispatcher.DispatcherError as error:
    sys.exit(f"{error}")  # cron mails it; the same key makes the next attempt safe
print(campaign_id)
