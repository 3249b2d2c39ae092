# SPDX-License-Identifier: Apache-2.0
"""What the configuration says of every exchange, in the words of the core."""

from genaiservice.api.detector_config import Detector, DetectorWindow
from genaiservice.guard.core.effects import Direction
from genaiservice.guard.core.exchange import Options
from genaiservice.guard.core.opinion import ReviewOptions
from genaiservice.guard.settings import Settings

GRACE_SECONDS = 1.0


def review_options(detectors: tuple[Detector, ...], window: DetectorWindow) -> ReviewOptions | None:
    """What the core must know of them; None where there are none."""
    if not detectors:
        return None
    sides = {side for detector in detectors for side in detector.apply_to}
    return ReviewOptions(
        directions=frozenset(one for one in Direction if one.value.capitalize() in sides),
        window_characters=window.characters,
        window_seconds=window.seconds,
        # A net only: each detector's own time is over before.
        budget_seconds=max(one.timeout_seconds for one in detectors) + GRACE_SECONDS,
    )


def options(settings: Settings) -> Options:
    """What the configuration says of every exchange, in the words of the core."""
    config = settings.config
    return Options(
        input=config.screening.input,
        output=config.screening.output,
        label=config.label.mode,
        label_text=config.label.text,
        paths=frozenset(config.paths),
        review=review_options(config.detectors, config.detector_window),
        files=config.media is not None,
    )
