"""Numbers out of many lines of text at once, where all lines have the same marks in the same order.

A token is what stands between two marks (a comma, a point, the end of the line): digits, or a flag. Tokens whose length
is the same in all lines stand at fixed distances: such a run of them is compared with one pattern. A token whose length
differs ends its run, and the next one begins behind it, in each line at another distance. Eight digits are one word of
memory, and three multiplications turn the words of all lines into numbers (SWAR: SIMD within a register). No number
passes through a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

WORD = 8  # bytes, each of which is a digit
MOST_DIGITS = 2 * WORD  # of a token
TENS = np.array([10**digits for digits in range(MOST_DIGITS + 3)], np.uint64)
_LINE, _ZERO, _NINE = ord("\n"), ord("0"), ord("9")
_ONE, _BITS, _IN_WORD = np.uint64(1), np.uint64(8 * WORD), np.uint64(WORD - 1)
_BYTES, _WHOLE_BYTES = np.uint64(3), np.uint64(0x78)  # a shift between bits and bytes, and bits that are whole ones
_DIGIT = np.uint64(0x1010101010101010)  # bits that digits have, and marks have not
_FROM_SPACE = np.uint64(0x6060606060606060)  # added to a byte of ASCII, it gives the highest bit to a space and beyond
_HIGHEST = np.uint64(0x8080808080808080)
_STEPS = [  # of eight digits to four numbers of two, to two of four, to one
    (np.uint64(mask), np.uint64(factor * 2**shift + 1), np.uint64(shift))
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 10, 8),
        (0x00FF00FF00FF00FF, 100, 16),
        (0x0000FFFF0000FFFF, 10_000, 32),
    )
]
_FLAGS = {len(word): word for word in (b"True", b"False")}
_TRUE, _FALSE = (np.uint64(int.from_bytes(word.lower(), "little")) for word in _FLAGS.values())
_FOUR, _FIVE = np.uint64(2**32 - 1), np.uint64(2**40 - 1)  # letters
_SMALL = np.uint64(0x20)  # makes a first letter a small one
_SCANNED = 2**16  # words at once: what is reckoned of them stays in the processor's cache


class IrregularError(Exception):
    """A line is not printed like the others."""


class Token(NamedTuple):
    """What stands between two marks of each line."""

    mark: int  # the byte behind it
    length: int | None  # None where it differs
    is_read: bool
    is_flag: bool


class Found(NamedTuple):
    """The numbers or flags of a token, and how long it is, in each line."""

    values: Any
    length: Any

    @property
    def longest(self) -> int:
        return self.length if isinstance(self.length, int) else int(self.length.max())


class Run(NamedTuple):
    """Tokens at fixed distances, of which the last may have any length, and the words that have their digits."""

    tokens: Sequence[Token]
    length: int  # up to the last one, where that has any length
    span: int  # in words
    pattern: Words  # what the words of the run are, in those bits
    mask: Words
    at: Places  # in which of them a token begins,
    past: Words  # how many bits further on,
    beyond: Words  # and how many bits of the word that begins there are not of the token

    @property
    def is_open(self) -> bool:
        return bool(self.tokens) and self.tokens[-1].length is None


def line_ends(text: bytes) -> Places:
    """Where lines end; raises IrregularError for whatever else can be in no line."""
    whole = len(text) // WORD
    words = np.frombuffer(text, "<u8", whole)
    found = [_ends_in(words[at : at + _SCANNED]) + WORD * at for at in range(0, whole, _SCANNED)]
    rest = np.frombuffer(text[WORD * whole :].ljust(WORD, b"0"), "<u8")
    ends = np.concatenate([*found, _ends_in(rest) + WORD * whole])
    if (np.frombuffer(text, np.uint8).take(ends) != _LINE).any():
        raise IrregularError("a control character, or none of ASCII")
    return ends


def _ends_in(words: Words) -> Places:
    printed = words + _FROM_SPACE
    printed &= _HIGHEST
    at = np.flatnonzero(printed != _HIGHEST)
    ends = printed[at] ^ _HIGHEST
    if (ends & (ends - _ONE)).any():
        raise IrregularError("two lines end in one word")
    places: Places = at * WORD + (np.bitwise_count(ends - _ONE) >> np.uint8(3))
    return places


def lengths(lines: bytes, marks: int) -> list[int | None]:
    """How long each of so many tokens of some lines is; None where that differs."""
    at = np.flatnonzero(np.frombuffer(lines, np.uint8) < _ZERO)
    if not len(at) or len(at) % marks:
        raise IrregularError("other marks")
    between = (np.diff(at, prepend=-1) - 1).reshape(-1, marks)
    least, most = between.min(axis=0), between.max(axis=0)
    if least.min() == 0 or most.max() > MOST_DIGITS:
        raise IrregularError("no digit, or too many")
    return [low if low == high else None for low, high in zip(least.tolist(), most.tolist(), strict=True)]


@lru_cache(maxsize=256)
def runs(tokens: Sequence[Token]) -> Sequence[Run]:
    """The tokens of a line, run by run; the mark behind one of any length begins the next run."""
    pasts = [past for past, one in enumerate(tokens, 1) if one.length is None]
    firsts = [0, *pasts]
    before = [b"", *(bytes([tokens[past - 1].mark]) for past in pasts)]
    return [
        _run(mark, tokens[first:past]) for mark, first, past in zip(before, firsts, [*pasts, len(tokens)], strict=True)
    ]


def _run(before: bytes, tokens: Sequence[Token]) -> Run:
    """A run behind a mark. Of more than eight digits, those in front of the last eight have a word of their own."""
    pattern, mask, words = before, b"\xff" * len(before), list[tuple[int, int]]()  # places of words, and their digits
    for mark, length, is_read, is_flag in tokens:
        if length is None or (is_read and not is_flag):
            high, low = divmod((length or WORD) - 1, WORD)
            words += [(len(pattern), low + 1), (len(pattern) + low + 1, WORD)][: high + 1]
        if length is not None:
            printed, bits = _printed(length, is_flag)
            pattern += printed + bytes([mark])
            mask += bits + b"\xff"
    span = -(-len(pattern) // WORD)
    places, digits = np.array(words, np.int64).reshape(-1, 2).T
    return Run(
        tokens=tokens,
        length=len(pattern),
        span=max([span, *(place // WORD + 2 for place, _ in words)]),
        pattern=_each(np.frombuffer(pattern.ljust(span * WORD, b"\0"), "<u8")),
        mask=_each(np.frombuffer(mask.ljust(span * WORD, b"\0"), "<u8")),
        at=places // WORD,
        past=_each(places % WORD * 8),
        beyond=_each((WORD - digits) * 8),
    )


def _printed(length: int, is_flag: bool) -> tuple[bytes, bytes]:
    """What a token of some length must be, in which bits: digits, or a flag with a large or a small first letter."""
    if not is_flag:
        return length * b"0", length * b"\xf0"
    if length not in _FLAGS:
        raise IrregularError("no flag")
    return _FLAGS[length], b"\xdf" + (length - 1) * b"\xff"


def _each(of_words: Any) -> Words:
    """A number for each word of a run, in whichever line."""
    numbers: Words = of_words.astype(np.uint64).reshape(-1, 1)
    return numbers


class Lines:
    """Some lines of text, which are read token by token."""

    def __init__(self, text: memoryview, starts: Places) -> None:
        padded = b"".join((text, b"0" * (2 * WORD - len(text) % WORD)))
        self._printed = np.frombuffer(padded, np.uint8)
        self._words = np.frombuffer(padded, "<u8")
        self._base: Words = starts.view(np.uint64)  # where the run that is read next begins in each line
        self._letters = 0

    def read(self, of: Sequence[Run]) -> list[Found]:
        """Every token; raises IrregularError unless all lines are printed so to the last byte."""
        found = [one for run in of for one in self._read(run)]
        letters = np.count_nonzero(self._printed > _NINE) if self._letters else int(self._printed.max() > _NINE)
        if letters != self._letters:
            raise IrregularError("a letter")
        return found

    def _read(self, run: Run) -> Iterator[Found]:
        words = self._words_of(run)
        last = self._last(run, words[-1]) if run.is_open else None
        numbers = iter(_into_numbers(words))
        for token in run.tokens:
            if token.length is not None:
                yield Found(self._fixed(token, token.length, numbers), token.length)
        if last is not None:
            yield self._whole(last)

    def _fixed(self, token: Token, length: int, numbers: Iterator[Words]) -> Any:
        """What a token says that has the same length in all lines."""
        if token.is_flag:
            self._letters += length * len(self._base)
            return length == len(b"true")
        return _number(numbers, length) if token.is_read else None

    def _last(self, run: Run, word: Words) -> Found:
        """What ends a run that has any length, up to a word; the next run begins behind it."""
        found = _flags(word) if run.tokens[-1].is_flag else _leading(word)
        if run.tokens[-1].is_flag:
            self._letters += int(found.length.sum())
        self._base = self._base + np.uint64(run.length)
        self._base += found.length
        return found

    def _whole(self, last: Found) -> Found:
        """Its number, to which more digits may belong."""
        if last.longest < WORD:
            return last
        more = _leading(self._aligned(self._base, 1)[0], least=0)
        self._base += more.length
        numbers = last.values * TENS.take(more.length.view(np.int64)) + _into_numbers(more.values)
        return Found(numbers, last.length + more.length)

    def _words_of(self, run: Run) -> Words:
        """The words with the digits of a run, without what stands behind them."""
        printed = self._aligned(self._base, run.span)
        if ((printed[: len(run.pattern)] & run.mask) != run.pattern).any():
            raise IrregularError("another mark, or another length")
        words = _joined(printed.take(run.at, axis=0), printed.take(run.at + 1, axis=0), run.past)
        words <<= run.beyond
        return words

    def _aligned(self, places: Words, span: int) -> Words:
        """So many words of each line, from some place on."""
        at = (places >> _BYTES).view(np.int64) + np.arange(span + 1).reshape(-1, 1)
        words = self._words.take(at, mode="clip")
        return _joined(words[:-1], words[1:], (places & _IN_WORD) << _BYTES)


def _joined(words: Words, following: Words, past: Words) -> Words:
    """The words that begin so many bits further on; the following ones are used up. A shift by a word gives zero."""
    joined = words >> past
    following <<= _BITS - past
    joined |= following
    return joined


def _flags(word: Words) -> Found:
    small = word | _SMALL
    is_true = (small & _FOUR) == _TRUE
    if not (is_true | ((small & _FIVE) == _FALSE)).all():
        raise IrregularError("no flag")
    return Found(is_true, np.uint64(len("false")) - is_true)


def _leading(word: Words, least: int = 1) -> Found:
    """The digits that a word begins with, moved to its end, and how many; raises IrregularError for less than that."""
    others = word & _DIGIT
    others ^= _DIGIT
    others ^= others - _ONE  # all bits up to the first one
    found = np.bitwise_count(others)
    if found.min() < 8 * least:
        raise IrregularError("no digit")
    bits = found.astype(np.uint64)
    bits &= _WHOLE_BYTES
    word <<= _BITS - bits
    bits >>= _BYTES
    return Found(word, bits)


def _into_numbers(words: Words) -> Words:
    """What the eight digits of each word say, in its place."""
    for mask, factor, shift in _STEPS:
        words &= mask
        words *= factor
        words >>= shift
    return words


def _number(words: Iterator[Words], length: int) -> Words:
    """The number of a token, out of one or two words."""
    number = next(words)
    if length > WORD:
        number *= TENS[WORD]
        number += next(words)
    return number
