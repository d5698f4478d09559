"""Text as it is taken in: in one Unicode form, without what commands a reader's screen unseen.

Characters that show nothing can reverse what is read (bidirectional controls), hide words or make
two names look alike. In what people type in a line they are refused, so that nobody is surprised;
in what they say at length they are dropped, so that a mail is never lost. Texts that were recorded
before this rule are left as they are, and shown with marks in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category, name, normalize

_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_JOINERS = frozenset("\u200c\u200d")
"""Zero width non-joiner and joiner: Persian, Indic scripts and emoji are written with them."""
_SHOWN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2") | {
    *"\U000110bd\U000110cd",
    *map(chr, range(0x13430, 0x13440)),
}
"""Format characters that can be seen: signs around Arabic and Kaithi numbers, the frames of
hieroglyphs."""
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]+\U000e007f")
"""The flag of a region (Scotland's, for one): a black flag, the region's code in tag characters."""
_NOTHING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Zl", "Zp", "Zs"})
"""General categories of Unicode whose characters show nothing by themselves."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that show nothing: the fillers of Hangul, the empty braille pattern."""


def line(text: str) -> str:
    """A text of one line: NFC, stripped. Raises ValueError, naming the first character that is
    none of a line."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _line(text, breaks=False)


def lines(text: str) -> str:
    """The same for one of several lines, whose breaks all become line feeds."""
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return text.strip()
    return _line(text, breaks=True)


def body(text: str) -> str:
    """A text of several lines as it can be kept: what `lines` refuses is dropped."""
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return text.strip()
    text, before = _BREAKS.sub("\n", text), None
    while text != before:
        before, text = text, _dropped(normalize("NFC", text)).strip()
    return text


def flat(text: str) -> str:
    """A text as it can be kept in one line: its breaks become spaces."""
    return text.strip() if text.isascii() and text.isprintable() else body(_spaced(text))


def shown(text: str, mark: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """A text as it can be shown, with a mark for each character that could command a screen or
    hide; line feeds and tabs stay."""
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return text
    bad = {at for at, _ in _unfit(text)}
    return "".join(mark if at in bad else each for at, each in enumerate(text))


def blank(text: str) -> bool:
    """Whether nothing of it can be seen."""
    return all(each in _FILLERS or category(each) in _NOTHING for each in text)


def named(character: str) -> str:
    """'U+202E RIGHT-TO-LEFT OVERRIDE'."""
    code = f"U+{ord(character):04X}"
    known = _CONTROLS.get(character) or name(character, "")
    return f"{code} {known}" if known else code


_CONTROLS = {
    "\0": "NULL",
    "\b": "BACKSPACE",
    "\t": "CHARACTER TABULATION",
    "\n": "LINE FEED",
    "\r": "CARRIAGE RETURN",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}
"""The names of control characters, which Unicode leaves without one."""


def _line(text: str, *, breaks: bool) -> str:
    text = normalize("NFC", text).strip()
    if breaks:
        text = _BREAKS.sub("\n", text)
    elif found := _BREAKS.search(text.replace("\n", "\r")):
        raise ValueError(f"it has several lines ({named(text[found.start()])}): write one")
    for _, each in _unfit(text):
        raise ValueError(f"it holds {named(each)}, which nobody can see: take it out")
    return text


def _spaced(text: str) -> str:
    return _BREAKS.sub(" ", text).replace("\n", " ")


def _dropped(text: str) -> str:
    bad = {at for at, _ in _unfit(text)}
    return "".join(each for at, each in enumerate(text) if at not in bad) if bad else text


def _unfit(text: str) -> Iterator[tuple[int, str]]:
    """The characters that are none of a text, with their places."""
    flags = {at for flag in _FLAG.finditer(text) for at in range(*flag.span())}
    for at, each in enumerate(text):
        if each in "\n\t" or at in flags:
            continue
        if each in _JOINERS:
            if not (_joins(text[at - 1 : at]) and _joins(text[at + 1 : at + 2])):
                yield at, each
        elif category(each) in ("Cc", "Cf", "Zl", "Zp") and each not in _SHOWN_FORMATS:
            yield at, each


def _joins(neighbour: str) -> bool:
    """Whether a joiner beside it can change how it looks."""
    return bool(neighbour) and not neighbour.isascii() and category(neighbour)[0] not in "CZ"
