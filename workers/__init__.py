"""Celery's side: `celery -A workers worker` and `celery -A workers flower` find `app` here."""

from workers import commands
from workers.app import app as celery

__all__ = ["celery"]

commands.complete()
