"""The outline of a track: its pieces, with rounds that repeat folded together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schedlang.formula import T, substitute, symbols
from schedlang.program import Piece, Track

LONGEST_ROUND = 64
"""Pieces that a round may have and still be found."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """A round that repeats; its parts count from the begin of the round."""

    begin: int
    end: int | None
    period: int
    parts: tuple[Part, ...]


Part: TypeAlias = Piece | Rounds


def outline(track: Track) -> tuple[Part, ...]:
    """The parts of a track one after the other; the last one has no end."""
    pieces = track.pieces
    if track.loop is None:
        return _merged(_folded(pieces))
    begin, period = track.loop
    end = begin + period
    first = [_until(piece, begin) for piece in pieces if piece.begin < begin]
    again = [
        _from(_until(piece, end), begin)
        for piece in pieces
        if piece.end is None or piece.end > begin
    ]
    round_ = tuple(p._replace(begin=p.begin - begin, end=(p.end or end) - begin) for p in again)
    return (*_merged(_folded(first)), Rounds(begin, None, period, _merged(_folded(round_))))


def _until(piece: Piece, end: int) -> Piece:
    return piece._replace(end=end) if piece.end is None or piece.end > end else piece


def _from(piece: Piece, begin: int) -> Piece:
    late = begin - piece.begin
    if late <= 0:
        return piece
    return piece._replace(begin=begin, curve=substitute(piece.curve, {"t": T + late}))


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Without a piece that only goes on holding what the one before it holds."""
    merged: list[Part] = []
    for part in parts:
        match merged[-1] if merged else None, part:
            case Piece(curve=held) as before, Piece(curve=curve, text="") if (
                held == curve and T.name not in symbols(curve)
            ):
                merged[-1] = before._replace(end=part.end)
            case _:
                merged.append(part)
    return tuple(merged)


def _folded(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """The pieces with every stretch that comes again and again written once."""
    keys = [None if p.end is None else (p.end - p.begin, p.curve) for p in pieces]
    parts: list[Part] = []
    i = 0
    while i < len(pieces):
        count, times = _longest(keys, i)
        if times == 1:
            parts.append(pieces[i])
            i += 1
            continue
        begin = pieces[i].begin
        period = pieces[i + count].begin - begin
        end = begin + times * period
        once = [
            p._replace(begin=p.begin - begin, end=(p.end or 0) - begin)
            for p in pieces[i : i + count]
        ]
        parts.append(Rounds(begin, end, period, _folded(once)))
        i += count * times
    return tuple(parts)


def _longest(keys: Sequence[object], i: int) -> tuple[int, int]:
    """How many pieces from ``i`` on are a round, and how often it comes; (1, 1) if only once."""
    best = (1, 1)
    for count in range(1, min(LONGEST_ROUND, (len(keys) - i) // 2) + 1):
        if keys[i] != keys[i + count]:
            continue
        times, j = 1, i + count
        while j + count <= len(keys) and _same(keys, i, j, count):
            times, j = times + 1, j + count
        if times > 1 and count * times > best[0] * best[1]:
            best = (count, times)
    return best


def _same(keys: Sequence[object], i: int, j: int, count: int) -> bool:
    return None not in keys[j : j + count] and keys[i : i + count] == keys[j : j + count]
