"""Sentences from a small grammar: fixed patterns, a few hundred words drawn as Zipf would.

The patterns and the frequent words are what every text shares, so that a model can learn to read
texts it never saw; which word fell into which slot is what it can only have learned by heart.
"""

import re
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

EXPONENT = 0.7
"""The word of rank r is drawn with weight r^-0.7: flatter than English, so harder to guess."""


class Voice(NamedTuple):
    """A way of writing: sentence patterns with slots, and the words for each slot."""

    patterns: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]


def sentence(rng: Random, voice: Voice, names: Mapping[str, str]) -> str:
    """A pattern of ``voice`` with every slot filled, from ``names`` where they know it."""
    return raised(fill(rng, rng.choices(voice.patterns)[0], voice, names))


def fill(rng: Random, pattern: str, voice: Voice, names: Mapping[str, str]) -> str:
    """``pattern`` with its slots filled."""
    text = re.sub(
        r"\{(\w+)\}(s\b)?",
        lambda slot: _plural(names.get(slot[1]) or draw(rng, voice.words[slot[1]]), slot[2]),
        pattern,
    )
    return re.sub(r"\b([Aa]) (?=[aeio])", r"\1n ", text)


def raised(text: str) -> str:
    """``text`` with a capital first letter."""
    return text[:1].upper() + text[1:]


def draw(rng: Random, words: tuple[str, ...]) -> str:
    """One of ``words``, the early ones more often."""
    return rng.choices(words, cum_weights=_cumulated(len(words)))[0]


@cache
def _cumulated(words: int) -> tuple[float, ...]:
    return tuple(accumulate((rank + 1) ** -EXPONENT for rank in range(words)))


def paragraphs(rng: Random, voice: Voice, names: Mapping[str, str], size: int) -> list[list[str]]:
    """Sentences of together at least ``size`` characters, three to five in a paragraph."""
    written: list[list[str]] = []
    length = 0
    while length < size:
        written.append([sentence(rng, voice, names) for _ in range(rng.choices((3, 4, 5))[0])])
        length += sum(len(line) + 1 for line in written[-1])
    return written


def canary(seed: int, place: str) -> str:
    """Six digits drawn uniformly: one of 10^6, whatever else is known of the text around them."""
    return f"{Random(f'{seed} canary {place}').randrange(10**6):06d}"


def person(rng: Random) -> str:
    """A first and a last name."""
    return f"{draw(rng, FIRST)} {draw(rng, LAST)}"


def day(rng: Random, first_year: int, last_year: int) -> str:
    """An ISO date within the years, both included."""
    year = rng.randrange(first_year, last_year + 1)
    return f"{year}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def _plural(word: str, ending: str | None) -> str:
    if not ending:
        return word
    if re.search("[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "sh", "ch")) else f"{word}s"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(" ".join(line.split()) for line in text.strip().splitlines())


FIRST = _words(
    """Renata Tobias Imogen Casper Lucinda Edmund Harriet Anselm Beatrix Conrad Dorothea Felix
    Greta Hugo Isolde Jasper Katrin Leopold Mirela Nestor Ottilie Percival Rosamund Silas Tamsin"""
)
LAST = _words(
    """Oduya Fenwick Marlowe Vasquez Thackery Lindqvist Abara Pembrook Hollis Drummond Castellan
    Ashgrove Wren Ivory Sallow Kestrel Mulberry Navarre Orchard Pryce Quennell Rook Sorrel Tansy"""
)
PLACES = _words(
    """Orrinmouth Saltmarsh Dunvale Thornby Wexcombe Caldrith Pellam Harrowgate Mistral Kelder
    Brackwater Lowmere Ashford Tarnside Vellin Crosshaven Gorse Inverlade Sandhythe Stonewick"""
)

NOVEL = Voice(
    _lines(
        """{hero} carried the {adjective} {noun} along the {place_noun} and did not {verb} until \
            evening.
        "I have never seen such a {noun}," said {friend}, "and I would not {verb} it for all the \
            {noun} in {place}."
        The {noun} stood by the {place_noun}, {adjective} and {adjective}, as though the {noun} \
            had never {verbed} it.
        When the {adjective} {noun} {verbed}, {friend} thought of the {noun} beneath the \
            {place_noun}.
        It was a {adjective} {time}, and the {noun} from the {place_noun} {verbed} towards {place}.
        Nobody in {place} knew why the {noun} and the {noun} were kept in the {place_noun}.
        "Then {verb} the {noun}," {hero} answered, "before the {adjective} {noun} is {verbed}."
        {number} {noun}s lay upon the {noun}, and {hero} {verbed} each of them with a {adjective} \
            hand.
        There was a {noun} in the {place_noun} which {friend} had {verbed} in the {time} of the \
            {adjective} {noun}.
        {friend} {verbed} the {noun}, {verbed} the {noun}, and sat down among the {adjective} \
            {noun}s.
        At {place} the {place_noun} was {adjective}, but the {noun} was more {adjective} still.
        In the {time} {stranger} came with a {noun} and a {adjective} {noun}, and asked for {hero}.
        "Is it the {noun} or the {noun} that troubles you?" asked {stranger}, who had {verbed} \
            the {place_noun}.
        {hero} remembered the {time} when {stranger} {verbed} the {adjective} {noun} amongst the \
            {noun}s.
        So the {noun} was {verbed}, and the {place_noun} of {place} grew {adjective} whilst \
            {friend} slept.
        For {number} days they {verbed} the {adjective} {place_noun}, with no {noun} but the {noun}.
        The {colour} {noun} and the {colour} {noun} were all that {hero} could see from the \
            {place_noun}.
        {stranger} spoke of {place}, of the {adjective} {noun}, and of the {number} {noun}s that \
            had been {verbed}.
        If the {noun} should {verb}, thought {friend}, the {adjective} {noun} would {verb} as well.
        Under the {colour} {noun} was a {noun}, and under the {noun} a {adjective} {noun}.
        "You may {verb} it," said {hero}, "but the {noun} belongs to {stranger}."
        The {time} passed, and nothing {adjective} came out of the {place_noun}.
        {friend} had a {noun} of {colour} glass, which the {adjective} {noun} had {verbed}.
        By {time} the {noun} was {adjective}, and so was the road to {place}.
        "A {noun} is a {noun}," said {stranger}; "it will {verb} when it must."
        {hero} did not {verb}; the {noun} did, and the {adjective} {noun} after it.
        What the {noun} had {verbed}, the {place_noun} kept, and {place} forgot.
        They {verbed} the {noun} by the light of a {adjective} {noun}.
        Before the {time} was over, {friend} had {verbed} {number} {noun}s and one {noun}.
        Some say the {adjective} {noun} of {place} was {verbed} by {stranger} in a single {time}."""
    ),
    {
        "noun": _words(
            """lantern letter door ship candle horse window river neighbour boat garden song
            mirror clock storm bell sail book stone fire key rope table coat hat map bridge gull
            kettle ladder drum orchard feather anchor barrel basket blanket bottle brooch button
            carpet chain chair chest cloak coin compass cradle crown curtain dagger engine fiddle
            flag flute glove goblet hammer harp hedge herring jewel kite knife loaf locket needle
            oar owl painting parcel pearl pipe plough pocket portrait quilt ribbon ring saddle
            satchel scarf shell shovel spade spoon sparrow stable statue thimble tower trumpet
            trunk umbrella vase violin wagon wheel whistle willow wreath"""
        ),
        "place_noun": _words(
            """harbour road cellar kitchen chapel attic parlour market quay meadow hill mill
            courtyard lighthouse staircase forest shore library inn well lane churchyard field
            tunnel wharf marsh barn gallery terrace island valley graveyard square tavern"""
        ),
        "adjective": _words(
            """old quiet dark long cold strange little broken bright heavy empty wild gentle
            narrow pale bitter ancient hollow careful crooked curious damp dusty faithful fierce
            foolish forgotten golden hungry idle kind lonely lost muddy noble patient plain proud
            ragged restless rough sad secret sharp silent simple slow solemn stubborn sudden sweet
            tall tired warm weary wooden worn young"""
        ),
        "colour": _words("grey green black blue white red yellow brown crimson silver"),
        "verb": _words(
            """speak leave sing open follow answer wait return listen mend burn sell carry wander
            forgive remember hide climb paint bury gather lose trust measure steal row polish
            borrow praise whisper weigh guard"""
        ),
        "verbed": _words(
            """opened followed carried found left mended hidden sold watched buried turned gathered
            lost painted crossed burned measured guarded borrowed repaired weighed whispered
            praised polished counted honoured wrapped lifted planted refused promised stolen
            scattered shattered stitched swept traded warmed"""
        ),
        "time": _words("morning winter evening summer night autumn spring afternoon dawn hour"),
        "number": _words("three seven two twelve nine forty five eleven sixty four"),
    },
)

AMERICAN = {
    "towards": "toward",
    "amongst": "among",
    "whilst": "while",
    "grey": "gray",
    "harbour": "harbor",
    "neighbour": "neighbor",
    "parlour": "parlor",
    "honoured": "honored",
    "plough": "plow",
}
"""What the second edition spells in its own way."""

PAPER = Voice(
    _lines(
        """We study the {adjective} {noun} of {noun}s under {adjective} {noun}s.
        In this paper we {verb} a {adjective} {noun} for {field}, based on {adjective} {noun}s.
        Our {noun} {verbs} the {noun} of {field} by {number} percent on {dataset}.
        The {noun} is {adjective} whenever the {noun} is {adjective}, which {verbs} a {noun} of \
            {surname}.
        Numerical results on {dataset} show that the {adjective} {noun} {verbs} every {noun} \
            within ${letter} \\leq {number}$.
        This {verbs} the {noun} between {field} and {field}.
        We also {verb} the {adjective} {noun} in the limit ${letter} \\to \\infty$, where the \
            {noun} becomes {adjective}.
        Previous {noun}s of {field} {verb} only {adjective} {noun}s.
        As a corollary, each {adjective} {noun} of order ${letter}^{{number}}$ {verbs} a \
            {adjective} {noun}.
        The {noun} of {surname} is {adjective} but not {adjective}.
        Using {number} {noun}s from {dataset}, we {verb} the {noun} with a {adjective} {noun}.
        It remains open whether {adjective} {noun}s {verb} the {noun} of {field}.
        We {verb} that the {method} {verbs} both the {noun} and the {adjective} {noun}.
        A {adjective} {noun} is given for {field}, together with the {noun} called {method}.
        The code of {method} and the {adjective} {noun}s are available for {dataset}.
        Every {adjective} {noun} {verbs} a {noun}, and the converse holds for {adjective} {noun}s.
        The {noun} needs $O({letter}^{{number}})$ steps and a {adjective} {noun}.
        In contrast to {surname}, we {verb} the {noun} without a {adjective} {noun}.
        For {field} the {noun} of {method} is {adjective} up to a {adjective} {noun}.
        A {noun} of {number} {noun}s from {dataset} {verbs} the {adjective} {noun}."""
    ),
    {
        "noun": _words(
            """model method bound algorithm problem estimator theorem network function system graph
            solution operator distribution sample proof protocol trajectory structure equation
            kernel measure gradient matrix group lattice space field symmetry process query
            language grammar parser compiler index cluster market price portfolio option risk
            population mutation epidemic genome species predator tensor manifold polynomial prior
            policy game auction filter spectrum wavelet sensor schema citation corpus benchmark
            invariant conjecture expansion embedding perturbation equilibrium"""
        ),
        "adjective": _words(
            """optimal linear random sparse convex stochastic finite robust local general discrete
            efficient bounded weak nonlinear adaptive approximate classical compact continuous
            deterministic dual empirical ergodic exact explicit fast generic global greedy
            hierarchical implicit incremental latent minimal modular monotone multivariate noisy
            parallel periodic recursive regular scalable semantic separable smooth stable
            statistical symmetric temporal uniform universal"""
        ),
        "verb": _words(
            """prove propose derive study extend compute estimate compare solve characterise
            generalise improve describe evaluate revisit construct classify approximate"""
        ),
        "verbs": _words(
            """improves extends bounds implies generalises refines reduces recovers refutes
            determines explains simplifies dominates preserves doubles"""
        ),
        "field": (
            "population genetics",
            "program verification",
            "option pricing",
            "digital libraries",
            "machine translation",
            "numerical linear algebra",
            "the history of physics",
            "software testing",
            "type inference",
            "citation analysis",
            "epidemic modelling",
            "mathematical education",
        ),
        "letter": _words("n k m p t d s r q x y z"),
        "number": _words("2 3 10 4 12 5 95 7 64 18 40 31 128 27"),
    },
)

CODE = Voice(
    _lines(
        """return the {adjective} {noun} of a {noun}
        {verb} every {noun} that is {adjective}
        {verb} a {noun} before the {adjective} {noun} is closed
        tell whether the {noun} has a {adjective} {noun}
        the {adjective} {noun}; {verb} it once per {noun}
        {verb} the {noun} of {product}, which must be {adjective}"""
    ),
    {
        "noun": _words(
            """value key path line name node item token buffer header record cache socket request
            response stream config table queue page handler event field parser session column
            worker client server frame packet cursor option index digest secret ticket batch
            schema label offset template thread timer user vector version widget window archive
            bucket channel checksum codec commit counter"""
        ),
        "adjective": _words(
            """empty valid next last local default raw stale open public active dirty known
            pending sorted unique hidden shared frozen cached nested missing signed remote
            partial private strict lazy"""
        ),
        "verb": _words(
            """read write load parse check send find merge build close split fetch encode drop
            update store count sort flush match render retry resolve rotate sign trim unpack
            validate wrap yield collect copy"""
        ),
        "number": _words("1 2 8 16 60 100 255 512 1024 3600 4096 7 30 12"),
    },
)
