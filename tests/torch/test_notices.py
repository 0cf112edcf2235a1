"""What is noticed while a run goes on: one warning for one cause, and none for what is right."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, swa_utils
from torch.optim import lr_scheduler as theirs

import schedlang
from schedlang import ScheduleWarning
from schedlang.torch import quiet
from tests.torch.rig import OLD_PROTOCOL, sgd

WAYS = ["chain", "fused", "plan"]
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of:UserWarning", OLD_PROTOCOL)


def made(way: str, optimizer: SGD, line: str, **binding: Any) -> Any:
    """A scheduler of the line: of each engine, and of a plan of the line and a weight decay."""
    if way == "plan":
        plan = schedlang.Plan({"lr": line, "values": {"share": "hold to=1"}})
        return plan.to_torch(optimizer, **binding)
    return schedlang.to_torch(optimizer, line, engine=way, **binding)  # type: ignore[arg-type]  # one of the two


def noticed(run: Callable[[], object]) -> list[str]:
    """The warnings of a run, each from this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ScheduleWarning)
        run()
    ours = [each for each in caught if each.category is ScheduleWarning]
    assert {each.filename for each in ours} <= {__file__}
    return [str(each.message) for each in ours]


def loop(optimizer: SGD, *schedulers: Any, updates: int = 20, each: int = 1) -> None:
    """So many updates; after every ``each`` of them the schedulers step."""
    for update in range(updates):
        optimizer.step()
        if (update + 1) % each == 0:
            for scheduler in schedulers:
                scheduler.step()


# ── Two schedulers ───────────────────────────────────────────────────────────────────────────────

SECOND = (
    "the learning rate of group 0 was changed from {} to {} by a second scheduler on this "
    "optimizer, {}, and the schedule sets it again: use one scheduler. In one line, `*` multiplies "
    "two schedules, and `->` joins them in sequence"
)
OTHERS: dict[str, tuple[Callable[[SGD], Any], str]] = {
    "ExponentialLR": (
        lambda on: theirs.ExponentialLR(on, 0.9),
        "`ExponentialLR`",
    ),
    "SequentialLR": (
        lambda on: theirs.SequentialLR(
            on, [theirs.ConstantLR(on, 0.5, 5), theirs.ExponentialLR(on, 0.9)], [5]
        ),
        "`SequentialLR`",
    ),
    "ours": (
        lambda on: schedlang.to_torch(on, "hold to=30%", engine="fused"),
        "`hold to=30%`",
    ),
    "a chain of ours": (
        lambda on: schedlang.to_torch(on, "warmup 5 from=10% -> cosine 90", engine="chain"),
        "`warmup linear 5 from=10% -> cosine 90`",
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_second_scheduler_is_one_cause(name: str, way: str, is_first: bool) -> None:
    make, who = OTHERS[name]

    def run() -> None:
        optimizer = sgd(0.1)
        scheduler = made(way, optimizer, "linear 10 to=0")
        other = make(optimizer)
        loop(optimizer, *((other, scheduler) if is_first else (scheduler, other)))

    (message,) = noticed(run)
    assert message.startswith("the learning rate of group 0 was changed from ")
    assert f" by a second scheduler on this optimizer, {who}, and the schedule sets it" in message


@pytest.mark.parametrize("way", WAYS)
def test_the_whole_message(way: str) -> None:
    def run() -> None:
        optimizer = sgd(0.1)
        scheduler = made(way, optimizer, "linear 10 to=0")
        loop(optimizer, scheduler, theirs.ExponentialLR(optimizer, 0.9))

    assert noticed(run) == [SECOND.format("0.09", "0.081", "`ExponentialLR`")]


def test_a_stale_base_is_no_second_warning() -> None:
    """The second scheduler of ours finds the first one's rate: a stale base, for the same cause."""

    def run(is_first: bool) -> None:
        optimizer = sgd(0.1)
        first = schedlang.to_torch(optimizer, "warmup 5 -> cosine 90", engine="fused")
        second = schedlang.to_torch(optimizer, "linear 50 to=0", engine="chain")
        loop(optimizer, *((first, second) if is_first else (second, first)))

    assert [len(noticed(lambda: run(True))), len(noticed(lambda: run(False)))] == [1, 1]


@pytest.mark.parametrize("engine", ["chain", "fused"])
def test_a_stale_base_is_warned_of_beside_a_scheduler_that_is_done(engine: Any) -> None:
    optimizer = sgd(0.1)
    done = schedlang.to_torch(optimizer, "linear 10 to=50%", engine=engine)
    loop(optimizer, done)
    second = schedlang.to_torch(optimizer, "cosine 90", engine=engine)
    (message,) = noticed(lambda: loop(optimizer, second, updates=2))
    assert message.startswith("the base rate of group 0 is its initial_lr=0.1, set by an earlier")
    assert noticed(lambda: loop(optimizer, second)) == []


def test_a_change_by_hand_is_not_taken_for_that_of_another_optimizers_scheduler() -> None:
    other = theirs.ConstantLR(sgd(0.2), factor=0.25)
    assert other.get_last_lr() == [0.05]
    optimizer = sgd(0.1)
    scheduler = made("fused", optimizer, "cosine 90")
    optimizer.param_groups[0]["lr"] = 0.05
    (message,) = noticed(lambda: loop(optimizer, scheduler))
    assert " was changed from 0.1 to 0.05 by other code, and " in message


def test_another_hyperparameter_of_a_second_plan() -> None:
    optimizer = sgd(0.1)
    plan = schedlang.Plan({"lr": "hold", "momentum": "linear 10 from=0.9 to=0.5 -> hold"})
    scheduler = plan.to_torch(optimizer)
    second = schedlang.Plan({"lr": "hold", "momentum": "hold to=0.8"}).to_torch(optimizer)
    (message,) = noticed(lambda: loop(optimizer, scheduler, second))
    assert message.startswith("the momentum of group 0 was changed from 0.9 to 0.8 by a second ")


# ── Steps ────────────────────────────────────────────────────────────────────────────────────────

IN_EPOCHS = {"steps_per_epoch": 10, "clock": "epoch"}
IN_UPDATES = {"steps_per_epoch": 10}
NO_STEP = "there were 20 optimizer updates, which are 2 epochs of 10 (steps_per_epoch), and no "
NO_STEP += "scheduler.step(): call it {}"
EACH_UPDATE, EACH_EPOCH = "after each optimizer.step()", "at the end of each epoch"
ONCE_AN_UPDATE = (
    "scheduler.step() was called after each of the first optimizer updates, and one tick of the "
    "schedule is one epoch, of 10 updates (steps_per_epoch): call it once an epoch, or leave "
    "clock=epoch out to count updates"
)
ONCE_AN_EPOCH = (
    "there were 10 optimizer updates in one tick of the schedule, and one tick is one optimizer "
    "update: call scheduler.step() after each optimizer.step(). Lightning does so only with "
    '{"scheduler": scheduler, "interval": "step"}, which '
    "schedlang.integrations.lightning.configure(self, optimizer, line) returns"
)
PAST = (
    "the schedule {}, and this is tick {}: the rate has not moved since its end. One tick is one "
    "{}. If scheduler.step() is called so, {}"
)
CALL, UPDATE = "call of scheduler.step()", "optimizer update"
TOTAL = "give the total of the whole run"
HOLD = "write `-> hold` at the end of the line, which holds the end"
PACES: list[tuple[str, dict[str, Any], int, int, list[str]]] = [
    # the line, its binding, the updates, those between two steps, what is noticed
    ("cosine 9ep", IN_UPDATES, 60, 1, []),
    ("cosine 9ep", IN_UPDATES, 19, 100, []),
    ("cosine 9ep", IN_UPDATES, 60, 100, [NO_STEP.format(EACH_UPDATE)]),
    ("cosine 9ep", IN_UPDATES, 60, 10, [ONCE_AN_EPOCH]),
    ("cosine 9ep", IN_EPOCHS, 60, 10, []),
    ("cosine 9ep", IN_EPOCHS, 19, 100, []),
    ("cosine 9ep", IN_EPOCHS, 60, 100, [NO_STEP.format(EACH_EPOCH)]),
    ("cosine 9ep", IN_EPOCHS, 60, 1, [ONCE_AN_UPDATE]),
    ("cosine 9ep", {"steps_per_epoch": 1, "clock": "epoch"}, 60, 1, []),
    ("cosine 9ep", {}, 60, 1, []),  # an epoch may be one update
    ("cosine 9ep", {}, 60, 100, []),
    ("cosine 90", {}, 60, 100, []),
    ("plateau", {**IN_EPOCHS, "total": "9ep"}, 60, 100, []),  # no metric comes
    ("cosine 9", {}, 1100, 1, [PAST.format("ends after 9 ticks", "1,009", CALL, HOLD)]),
    ("cosine 9st", {}, 1100, 1, [PAST.format("ends after 9 ticks", "1,009", UPDATE, HOLD)]),
    ("cosine 9ep", {}, 1100, 1, [PAST.format("ends after 9 ticks", "1,009", "epoch", HOLD)]),
    ("cosine 9ep", {}, 1300, 20, [PAST.format("ends after 9 ticks", 59, "epoch", HOLD)]),
    ("cosine 9ep", {}, 1100, 110, []),  # 10 ticks
    ("cosine 9 -> hold", {}, 1100, 1, []),
    ("warmup 9", {}, 1100, 1, []),  # the rate stays up
    ("hold 9 -> cosine 9", {}, 1100, 1, [PAST.format("ends after 18 ticks", "1,018", CALL, HOLD)]),
    ("hold", {"total": 9}, 1100, 1, [PAST.format("has a total of 9 ticks", "1,009", CALL, TOTAL)]),
    ("(cosine 5) x inf", {}, 1100, 1, []),
    ("cosine 3000", {}, 4200, 1, []),  # not far past the end
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("line", "binding", "updates", "each", "messages"), PACES)
def test_steps(
    line: str, binding: dict[str, Any], updates: int, each: int, messages: list[str], way: str
) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, line, **binding)
    assert noticed(lambda: loop(optimizer, scheduler, updates=updates, each=each)) == messages
    if messages:
        assert noticed(lambda: loop(optimizer, scheduler, updates=updates, each=each)) == []


# ── What is right ────────────────────────────────────────────────────────────────────────────────


def accumulating(way: str) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    for micro_batch in range(80):
        if micro_batch % 4 == 3:
            optimizer.step()
            scheduler.step()


def scaling(way: str) -> None:
    """A ``GradScaler`` skips the first updates, and one now and then."""
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 90st")
    for update in range(60):
        if update > 4 and update % 7:
            optimizer.step()
        scheduler.step()


def scaling_epochs(way: str) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_EPOCHS)
    for update in range(60):
        if update > 4 and update % 7:
            optimizer.step()
        if update % 10 == 9:
            scheduler.step()


def resuming(way: str) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    loop(optimizer, scheduler)
    states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    loop(optimizer, scheduler)
    loop(optimizer, made(way, optimizer, "cosine 9ep", start=40, **IN_UPDATES))


def several_groups(way: str) -> None:
    optimizer = sgd(0.1, 0.2, 0.0)
    loop(optimizer, made(way, optimizer, "cosine 9ep", **IN_UPDATES))


def two_optimizers(way: str) -> None:
    for_one, for_other = sgd(0.1), sgd(0.3)
    one = made(way, for_one, "cosine 9ep", **IN_UPDATES)
    other = made(way, for_other, "linear 9ep", **IN_UPDATES)
    third = theirs.ExponentialLR(sgd(0.2), 0.9)
    for _ in range(60):
        for_one.step()
        one.step()
        for_other.step()
        other.step()
        third.optimizer.step()
        third.step()


def finding_a_rate(way: str) -> None:
    """A search for a rate: many updates at rising rates, and then the state from before."""
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    before = copy.deepcopy(optimizer.state_dict())
    for update in range(119):
        optimizer.param_groups[0]["lr"] = 1e-6 * 1.1**update
        optimizer.step()
    optimizer.load_state_dict(before)
    loop(optimizer, scheduler, updates=60)


def finding_a_rate_by_epochs(way: str) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_EPOCHS)
    finder = theirs.ExponentialLR(optimizer, 1.1)
    before = copy.deepcopy(optimizer.state_dict())
    for _ in range(119):
        optimizer.step()
        finder.step()
    optimizer.load_state_dict(before)
    loop(optimizer, scheduler, updates=60, each=10)


def setting_last_epoch(way: str) -> None:
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    scheduler.last_epoch = 40
    loop(optimizer, scheduler)


def one_after_the_other(way: str) -> None:
    optimizer = sgd(0.1)
    first = made(way, optimizer, "linear 2ep to=50% -> hold", **IN_UPDATES)
    loop(optimizer, first)
    del optimizer.param_groups[0]["initial_lr"]
    second = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    loop(optimizer, second, updates=60)
    assert first.last_epoch == 20


def waiting_for_its_turn(way: str) -> None:
    """The second of two schedulers waits for two epochs, at rates that the first one sets."""
    optimizer = sgd(0.1)
    second = made(way, optimizer, "cosine 9ep", **IN_UPDATES)
    first = theirs.LinearLR(optimizer, 0.5, total_iters=50)
    loop(optimizer, first, updates=50)
    loop(optimizer, second)


def inside_pytorchs(way: str) -> None:
    optimizer = sgd(0.1)
    children = [
        theirs.ConstantLR(optimizer, factor=0.5, total_iters=100),
        made(way, optimizer, "cosine 9ep", **IN_EPOCHS),
    ]
    loop(optimizer, theirs.SequentialLR(optimizer, children, [30]), updates=60)


def averaging(way: str) -> None:
    """The recipe of PyTorch's ``SWALR``."""
    optimizer = sgd(0.1)
    scheduler = made(way, optimizer, "cosine 9ep", **IN_EPOCHS)
    averages = swa_utils.SWALR(optimizer, swa_lr=0.05)
    for epoch in range(12):
        loop(optimizer, updates=10)
        (scheduler if epoch < 6 else averages).step()


def by_metric(way: str) -> None:
    optimizer = sgd(0.1)
    way = "fused" if way == "chain" else way
    scheduler = made(way, optimizer, "warmup 1ep -> plateau", **IN_UPDATES)
    for _ in range(4):
        loop(optimizer, scheduler, updates=10)
        scheduler.observe(1.0)


def of_tensors(way: str) -> None:
    if way != "chain":
        optimizer = sgd(0.1, tensor=True)
        loop(optimizer, made(way, optimizer, "cosine 9ep", **IN_UPDATES), updates=60)


RIGHT = [
    accumulating, scaling, scaling_epochs, resuming, several_groups, two_optimizers,
    finding_a_rate, finding_a_rate_by_epochs, setting_last_epoch, one_after_the_other,
    waiting_for_its_turn, inside_pytorchs, averaging, by_metric, of_tensors,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("run", RIGHT, ids=lambda run: run.__name__)
def test_what_is_right_is_silent(run: Callable[[str], None], way: str) -> None:
    assert noticed(lambda: run(way)) == []


# ── Turned off ───────────────────────────────────────────────────────────────────────────────────


def wrong_pace() -> None:
    optimizer = sgd(0.1)
    loop(optimizer, made("fused", optimizer, "cosine 90st"), updates=40, each=5)


def stale_base() -> None:
    optimizer = sgd(0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.4
    loop(optimizer, made("fused", optimizer, "cosine 90st"))


def two_schedulers() -> None:
    optimizer = sgd(0.1)
    first, second = (made("chain", optimizer, line) for line in ("linear 9", "cosine 90"))
    loop(optimizer, first, second)


def past_the_end() -> None:
    optimizer = sgd(0.1)
    loop(optimizer, made("chain", optimizer, "cosine 9"), updates=1100)


def no_metric() -> None:
    optimizer = sgd(0.1)
    loop(optimizer, made("fused", optimizer, "plateau"))


@pytest.mark.parametrize("run", [wrong_pace, stale_base, two_schedulers, past_the_end, no_metric])
def test_quiet_turns_all_of_them_off(
    run: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(noticed(run)) == 1

    def in_quiet() -> None:
        with quiet():
            with quiet():
                run()
            run()

    assert noticed(in_quiet) == []
    assert len(noticed(run)) == 1
    monkeypatch.setattr(quiet, "_is_on", False)  # puts it back afterwards
    quiet()
    assert noticed(run) == []


def test_what_came_in_quiet_is_noticed_later_if_it_goes_on() -> None:
    optimizer = sgd(0.1)
    scheduler = made("fused", optimizer, "cosine 90st")
    with quiet():
        loop(optimizer, scheduler, updates=40, each=5)
        optimizer.param_groups[0]["lr"] = 0.5
        scheduler.step()
    assert len(noticed(lambda: loop(optimizer, scheduler, updates=40, each=5))) == 1
    optimizer.param_groups[0]["lr"] = 0.5
    (message,) = noticed(scheduler.step)
    assert message.startswith("the learning rate of group 0 was changed from ")


def test_updates_in_quiet_do_not_count() -> None:
    optimizer = sgd(0.1)
    scheduler = made("fused", optimizer, "cosine 9ep", **IN_UPDATES)
    loop(optimizer, updates=19)
    with quiet():
        loop(optimizer, updates=19)
    assert noticed(lambda: loop(optimizer, updates=19)) == []
    assert noticed(lambda: loop(optimizer)) == [NO_STEP.format(EACH_UPDATE)]
    assert scheduler.last_epoch == 0


def test_a_compiled_step_is_not_looked_at() -> None:
    optimizer = sgd(0.1)
    made("fused", optimizer, "cosine 90st")
    (hook,) = optimizer._optimizer_step_post_hooks.values()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        for _ in range(2000):
            hook(optimizer, (), {})
