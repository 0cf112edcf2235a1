"""Schedulers that take metrics, for a closing `plateau`."""

from __future__ import annotations

from typing import SupportsFloat

from schedlang.torch.plateau import ClosingPlateau
from schedlang.torch.scheduler import BoundScheduler


class TakesMetrics(BoundScheduler):
    """A scheduler that may end in a `plateau`.

    A metric comes with ``step(metric)``, also as ``step(metrics=metric)``: it counts if the tick
    that the step ends lies in the plateau. Or it comes by ``observe(metric)``, which ends no tick.
    """

    def _plateaus(self) -> list[ClosingPlateau]:
        """The closing plateaus with their memories: of a plan there may be several."""
        lines = (*self._assignments, *self._values)
        return [line.plateau for line in lines if line.plateau is not None]

    @property
    def takes_metrics(self) -> bool:
        """Whether there is a `plateau`."""
        return bool(self._plateaus())

    def _receive(self, plateau: ClosingPlateau, metric: SupportsFloat) -> None:
        """Count a metric, and write the rates if it reduces them."""
        raise NotImplementedError

    def observe(self, metric: SupportsFloat) -> None:
        """Take an epoch's metric for a closing `plateau`, and end no tick.

        Where updates are ticked, it counts if the tick that ended last lies in the plateau, else
        if the running tick does.

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
    """The metric, which `step` takes under two names.

    Raises:
        TypeError: if both are given.
    """
    if metric is not None and metrics is not None:
        raise TypeError("`metric` and `metrics` are the same argument: give one of them")
    return metric if metrics is None else metrics
