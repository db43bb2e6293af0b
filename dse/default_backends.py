"""What builds a sweep's points where nobody says."""

from __future__ import annotations

#: Names in :data:`finn_flows.backends.BACKENDS`, in the order in which they build. In a module of
#: its own, for `dse sweep --help` must not wait for numpy.
DEFAULT_BACKENDS = ("estimate", "yosys")
