"""Formats of artefacts: every file here defines one as ``FORMAT`` (:class:`retraining.artefacts.Format`)."""
