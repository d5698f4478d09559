"""Words of every script: as the index of texts holds them, as a person asks for them, as they are
marked in found texts.

Chinese, Japanese, Thai and more write no spaces between words, and Korean hangs endings on them.
A run of such characters is indexed by its pairs, each at the place of its first character:
打印機 as 打印 印機 機. So any part of a run is a phrase of pairs, and a single character the
beginning of one. It needs no dictionary, which would have to be the same for as long as an index
lives, and no library: ICU's binding is large and has to be compiled, and its boundaries differ
between what was written and what is looked for.

Text and query are folded alike: compatibility forms (NFKC), case (ß is ss), what can't be seen is
left out. The tokenizer of the database (unicode61) then takes diacritics away. Most Latin text
needs none of this, and is indexed as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from unicodedata import combining, normalize

FIELDS = ("subject", "description", "comment", "number")
"""The kinds of texts, as `subject:word` names them."""
KIND = "\ue001"
"""Stands before the kind of a text in its parts."""
_SIGN = "\ue000"
"""Stands before the number of an emoji, which is no letter to a tokenizer."""

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"  # Thai, Lao
    "\u1000-\u103f\u1050-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"  # Myanmar
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u1950-\u1974\u1980-\u19c9\u1a20-\u1a7f\ua980-\ua9c0"  # Tai Le, Tai Lue, Tai Tham, Javanese
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Kana
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"  # marks that stand for Han
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3105-\u312f\u31a0-\u31bf\ua000-\ua48c"  # Bopomofo, Yi
)
_HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
_RUN = re.compile(f"[{_UNSPACED}{_HANGUL}]+")
_LAST = re.compile(f"[{_UNSPACED}{_HANGUL}]+$")
_BROKEN = re.compile(f"(?<=[{_UNSPACED}])(?:\u200b|\r?\n)+(?=[{_UNSPACED}])")
"""A line that ends inside a run of a script without spaces, or a place where one might."""

_EMOJI = re.compile(
    "[\u203c\u2049\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b55"
    "\U0001f000-\U0001f0ff\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa\U0001f400-\U0001faff]"
)
_UNSEEN = re.compile(
    "[\u00ad\u034f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u061c\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u180b-\u180e\u200c-\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\u20e3\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)
"""Formatting, soft hyphens, variants of emoji, and the points of Hebrew and Arabic, which are
written or left out."""
_APART = re.compile(f"[{_SIGN}{KIND}\u2120\u2122]")
"""Signs that would become letters of the word before them."""
_SPECIAL = re.compile(
    "[^\x00-\xa7\xa9\xab\xac\xae\xb0\xb1\xb6\xb7\xbb\xbf-\xde\xe0-\u0131\u0134-\u013e\u0141-\u0148"
    "\u014a-\u017e\u0400-\u0481\u048a-\u04ff\u2010-\u2016\u2018-\u2023\u2025-\u2027\u2030-\u203d\u203f-\u2046\u204a-\u2056"
    "\u2058-\u205e\u20a0-\u20a7\u20a9-\u20bf\u2190-\u222b\u222e\u2231-\u2328\u232b-\u2426"
    "\u2500-\u27bf\u2b00-\u2bff\U0001f000-\U0001f0ff\U0001f1e6-\U0001f1ff\U0001f300-\U0001f3fa"
    "\U0001f400-\U0001faff]"
)
"""Whatever the tokenizer alone might take for something else than its folded form."""

_LONG = 30
"""Characters of the longest word that is looked through for a number."""
_NUMBER = re.compile(
    rf"(?<![0-9a-z])(?=[0-9a-z]{{3,{_LONG}}}(?![0-9a-z]))"
    "(?:([a-z]{1,10})([0-9]{2,})([a-z]{0,3})|([0-9]{2,})([a-z]{2,10})|(0+[1-9][0-9]*))"
    "(?![0-9a-z])"
)
_DIGITS = re.compile("[0-9]{2}")


def words(text: str) -> str | None:
    """The words to be indexed for a text; None: the text as it stands."""
    if text.isascii() or not _SPECIAL.search(text):
        return None
    return _spaced(_folded(text))


def parts(text: str) -> str | None:
    """Further words by which a text is found: the parts of its numbers (INC0012345 by inc, 0012345,
    12345) and its emoji. None: there are none."""
    found: dict[str, None] = {}
    if not text.isascii():
        found.update(dict.fromkeys(signs(text)))
        if _SPECIAL.search(text):
            text = _folded(text)
    if _DIGITS.search(text):
        for match in _NUMBER.finditer(text.lower()):
            found.update(dict.fromkeys(_split(match)))
    return " ".join(found) or None


def signs(text: str) -> Iterator[str]:
    """The words by which the emoji of a text are indexed."""
    return (f"{_SIGN}{ord(each):x}" for each in _EMOJI.findall(text))


def _split(match: re.Match[str]) -> Iterator[str]:
    for each in match.groups():
        if each and len(each) > 1:
            yield each
            if each[0] == "0":
                yield each.lstrip("0") or "0"


def _folded(text: str) -> str:
    text = _APART.sub(" ", _UNSEEN.sub("", text))
    text = normalize("NFKC", normalize("NFKC", text).casefold())
    return _BROKEN.sub("", text)


def _spaced(folded: str) -> str:
    return _RUN.sub(_pairs, folded)


def _pairs(match: re.Match[str]) -> str:
    run = match[0]
    return f" {' '.join(run[at : at + 2] for at in range(len(run)))} "


class SearchTerm(NamedTuple):
    """One word or phrase of a query, folded. `prefix`: it may go on."""

    text: str
    prefix: bool = False
    field: str | None = None
    signs: tuple[str, ...] = ()
    """The emoji in it."""


class WordGroup(NamedTuple):
    """Terms that one text must hold, and terms that it mustn't."""

    wanted: tuple[SearchTerm, ...]
    unwanted: tuple[SearchTerm, ...]


_TERM = re.compile(rf'(-?)(?:({"|".join(FIELDS)}):)?(?:"([^"]*)"(\*?)|([^\s"]+))')
_MOST = 100
"""Terms of a query that count: more are a text that was pasted."""


def asked(query: str) -> list[WordGroup]:
    """A search text, read: one of the groups must fit a text; any text can be read.

    Every word is wanted; "two words" stand side by side; wor* begins so; -word and NOT word are
    unwanted; OR stands between groups; subject:word is wanted there.
    """
    groups: list[tuple[list[SearchTerm], list[SearchTerm]]] = [([], [])]
    negative = False
    for minus, field, phrase, star, word in _TERM.findall(query)[:_MOST]:
        if word in ("OR", "AND", "NOT") and not minus and not field:
            negative = word == "NOT"
            if word == "OR":
                groups.append(([], []))
            continue
        term = _term(phrase or word, bool(star) or word.endswith("*"), field or None)
        if term is not None:
            groups[-1][1 if negative or minus else 0].append(term)
        negative = False
    return [WordGroup(tuple(wanted), tuple(unwanted)) for wanted, unwanted in groups if wanted]


def _term(text: str, prefix: bool, field: str | None) -> SearchTerm | None:
    text = text.rstrip("*")
    signs = tuple(_EMOJI.findall(text))
    folded = " ".join(_folded(text).split())
    if not any(map(_is_letter, folded)):
        return SearchTerm("", False, field, signs) if signs else None
    return SearchTerm(folded, prefix, field, signs)


def _is_letter(char: str) -> bool:
    return char.isalnum() or bool(_RUN.match(char))


def phrases(term: SearchTerm) -> Iterator[tuple[str, bool]]:
    """The phrases of a term: words that stand side by side in the index, and whether the last of
    them may go on. A number is asked for with its letters apart, too: INC0012345 is INC-0012345."""
    spaced, prefix = _spaced(term.text).strip(), term.prefix
    if run := _LAST.search(term.text):
        if len(run[0]) > 1:
            spaced = spaced[:-2]  # the last character alone: the pair before it has it
        else:
            prefix = True
    yield spaced, prefix
    number = _NUMBER.fullmatch(term.text)
    if number and not number[6]:
        yield " ".join(filter(None, number.groups())), prefix


_LETTER = f"(?:(?![{_UNSPACED}{_HANGUL}])[^\\W_])"
_PIECE = re.compile(f"[{_UNSPACED}{_HANGUL}]+|{_LETTER}+")
_WORD = re.compile(f"[{_UNSPACED}{_HANGUL}]|{_LETTER}+")
_ROOM = 48
"""Length of a snippet: a word takes 3, a character of a script without spaces 1."""
_BEFORE = 12
"""The part of it that may stand before the first word found."""
_CUT = 400
"""Characters after which a snippet ends in any case."""


def snippet(text: str, groups: Iterable[WordGroup]) -> str:
    """The part of a text around what was looked for, as it was written, with that in [brackets]."""
    found = _found(text, [term for group in groups for term in group.wanted])
    start, stop = _window(text, found)
    out, at = ["…"] if start else [], start
    for low, high in found:
        if at <= low < stop:
            high = min(high, stop)
            out += (text[at:low], "[", text[low:high], "]")
            at = high
    return "".join((*out, text[at:stop], "…" if stop < len(text) else ""))


def _window(text: str, found: Sequence[tuple[int, int]]) -> tuple[int, int]:
    first = found[0][0] if found else 0
    spans = [word.span() for word in _WORD.finditer(text)]
    sizes = [1 if _RUN.match(text, low) else 3 for low, _ in spans]
    at = sum(high <= first for _, high in spans)
    begin = _back(sizes, at, _ROOM // 2)
    if begin:
        begin = _back(sizes, at, _BEFORE)
    end, room = begin, _ROOM
    while end < len(spans) and room > 0:
        room -= sizes[end]
        end += 1
    start = spans[begin][0] if begin else 0
    stop = len(text) if end == len(spans) else spans[end - 1][1]
    return start, min(stop, max(start, first) + _CUT)


def _back(sizes: Sequence[int], at: int, room: int) -> int:
    """The first of the words before number `at` for which there is room."""
    while at and room >= sizes[at - 1]:
        at -= 1
        room -= sizes[at]
    return at


def _found(text: str, terms: Iterable[SearchTerm]) -> list[tuple[int, int]]:
    """The spans of a text in which the terms stand; they don't overlap, and are in order."""
    folded, at = _mapped(text)
    spans: list[tuple[int, int]] = []
    for term in terms:
        for sign in term.signs:
            spans += (match.span() for match in re.finditer(sign, text))
        if term.text:
            spans += ((at[m.start()], at[m.end()]) for m in _pattern(term).finditer(folded))
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        elif low < high:
            merged.append((low, high))
    return merged


def _mapped(text: str) -> tuple[str, range | list[int]]:
    """A text without case, compatibility forms and diacritics, and where each of its characters
    stood."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    out: list[str] = []
    at: list[int] = []
    for cluster in re.finditer("[\\s\\S][\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", text):
        plain = _plain(cluster[0])
        out.append(plain)
        at += [cluster.start()] * len(plain)
    return "".join(out), [*at, len(text)]


def _plain(text: str) -> str:
    decomposed = normalize("NFD", normalize("NFKC", _UNSEEN.sub("", text)).casefold())
    bare = "".join(c for c in decomposed if not ("\u0300" <= c <= "\u036f" and combining(c)))
    return normalize("NFC", bare)


def _pattern(term: SearchTerm) -> re.Pattern[str]:
    """The term in a mapped text."""
    pieces = [_plain(word[0]) for word in _PIECE.finditer(term.text)]
    last = len(pieces) - 1
    return re.compile(
        r"[\W_]*?".join(
            _one(piece, prefix=term.prefix and n == last) for n, piece in enumerate(pieces)
        )
    )


def _one(piece: str, *, prefix: bool) -> str:
    if _RUN.match(piece):
        return "[\u200b\r\n]*".join(map(re.escape, piece))
    if piece.isdigit():
        return rf"(?<![0-9])0*{re.escape(piece)}" + ("[0-9]*" if prefix else "(?![0-9])")
    end = f"{_LETTER}*" if prefix else f"(?!{_LETTER})"
    return f"(?<!{_LETTER}){re.escape(piece)}{end}"
