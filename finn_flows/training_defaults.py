"""What ``dse train`` trains with unless told otherwise; loads nothing, so that help is quick."""

from __future__ import annotations

DEFAULT_EPOCHS = 20
DEFAULT_SEED = 1
