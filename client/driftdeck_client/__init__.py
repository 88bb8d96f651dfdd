"""Log predictions and labels to Driftdeck from inside a service, without slowing or breaking it."""

from driftdeck_client.asgi import DriftdeckASGI
from driftdeck_client.client import Client
from driftdeck_client.transport import DriftdeckError
from driftdeck_client.waiting import Stats
from driftdeck_client.wsgi import DriftdeckWSGI

__all__ = ["Client", "DriftdeckASGI", "DriftdeckError", "DriftdeckWSGI", "Stats"]
__version__ = "0.1.0"
