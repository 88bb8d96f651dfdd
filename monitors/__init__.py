"""What is computed: checks, calibration, verdicts, alerts, causes, channels, the schedule.

``from monitors import compare`` gives the one-off comparison; nothing heavy is imported before it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitors.compare_result import Comparison


def compare(reference: Any, current: Any, **options: Any) -> Comparison:
    """Compare two tables column by column: see :func:`monitors.comparison.compare` for the options."""
    from monitors.comparison import compare as run

    return run(reference, current, **options)
