"""Where people reach Driftdeck: what links in messages begin with."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from service import endpoint, settings

if TYPE_CHECKING:
    from service.local.core import Core

_LOG = logging.getLogger(__name__)


def base(core: Core) -> str | None:
    """Return the setting ``public_url``, else the address that the service publishes, else None: then messages have no links."""
    try:
        declared = settings.load(core.home.root, {}, os.environ).public_url
    except settings.SettingsError as error:
        _LOG.warning("links in messages cannot use the settings: %s", error)
        declared = None
    if declared:
        return declared
    serving = endpoint.find(core.home.root)
    return None if serving is None else serving.url
