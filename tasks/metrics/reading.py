"""What a model said of the documents that an event is about."""

from typing import NamedTuple

from tasks.metrics.evidence import Evidence, Floats


class Reading(NamedTuple):
    """What a model said of the forgotten documents, and of those like them that none saw."""

    forget: Evidence
    approximate: Evidence

    @property
    def losses(self) -> Floats:
        """Mean nats per token of each forgotten document."""
        return -self.forget.means(self.forget.logp)

    @property
    def like(self) -> Floats:
        """The same of those never seen."""
        return -self.approximate.means(self.approximate.logp)
