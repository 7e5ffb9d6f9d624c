"""A Django project in one file: `gunicorn --preload --threads 4 examples.django_app:application`.

Django's transactions have connections of their own, so the campaign is made once they are
committed; its key makes it safe to try again. What has to be one transaction goes through
SQLAlchemy, as in outbox.py.
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

import dispatcher

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of this example")


def send(request: HttpRequest, key: str) -> JsonResponse:
    """Make the campaign of this key, for the player that the request names."""
    try:
        campaign_id = dispatcher.enqueue(
            app_id="YOUR-APP-ID",
            message={"ios": {"payload": {"text": "Hello"}}},
            audience=[{"userId": request.GET.get("player", "anna")}],
            key=key,
        )
    except dispatcher.CallerError as error:
        return JsonResponse({"error": str(error)}, status=422)
    except dispatcher.DispatcherError as error:
        return JsonResponse({"error": str(error)}, status=503)
    return JsonResponse({"id": campaign_id})


urlpatterns = [path("campaigns/<str:key>", send)]
application = get_wsgi_application()
dispatcher.list()  # used before Gunicorn forks: each of its workers has connections of its own
