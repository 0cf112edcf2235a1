"""Schedulers that take metrics, for a final `plateau`."""

from __future__ import annotations

from typing import SupportsFloat

from schedlang.torch.plateau import ClosingPlateau
from schedlang.torch.scheduler import BoundScheduler


class TakesMetrics(BoundScheduler):
    """A scheduler that may end in a `plateau`.

    A metric is passed by ``step(metric)`` or ``step(metrics=metric)``: it counts if the tick that
    the step ends is in the plateau. Or it is passed by ``observe(metric)``, which ends no tick.
    """

    def _plateaus(self) -> list[ClosingPlateau]:
        """The final plateaus with their memories; a plan may have several."""
        lines = (*self._assignments, *self._values)
        return [line.plateau for line in lines if line.plateau is not None]

    @property
    def takes_metrics(self) -> bool:
        """Whether there is a `plateau`."""
        return bool(self._plateaus())

    def _receive(self, plateau: ClosingPlateau, metric: SupportsFloat) -> None:
        """Process a metric, and write the rates if it reduces them."""
        raise NotImplementedError

    def observe(self, metric: SupportsFloat) -> None:
        """Process an epoch's metric for a final `plateau`, without ending a tick.

        If a tick is an update, it counts if the last tick that ended is in the plateau, else if the
        current tick is.

        Raises:
            TypeError: if there is no plateau.
        """
        plateaus = self._plateaus()
        if not plateaus:
            raise TypeError("this schedule has no `plateau` to observe a metric")
        self._settle()
        for plateau in plateaus:
            if plateau.counts(self.last_epoch):
                self._receive(plateau, metric)


def one_metric(metric: SupportsFloat | None, metrics: SupportsFloat | None) -> SupportsFloat | None:
    """The metric, which is given to `step` under one of two names.

    Raises:
        TypeError: if both are given.
    """
    if metric is not None and metrics is not None:
        raise TypeError("`metric` and `metrics` are the same argument: give one of them")
    return metric if metrics is None else metrics
