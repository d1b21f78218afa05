"""How sentences are put together: templates with slots, and the words that fill them."""

from __future__ import annotations

import random
from dataclasses import dataclass


def words(text: str) -> tuple[str, ...]:
    """Return the parts of a text that semicolons separate, each on one line."""
    return tuple(" ".join(part.split()) for part in text.split(";") if part.strip())


@dataclass(frozen=True, slots=True)
class Topic:
    """Something people ask about: things, and angles ("the price of {}") to look at one from."""

    name: str
    things: tuple[str, ...]
    angles: tuple[str, ...]

    @classmethod
    def of(cls, name: str, things: str, angles: str) -> Topic:
        """Read the things and angles from texts with semicolons."""
        return cls(name, words(things), words(angles))


@dataclass(frozen=True, slots=True)
class Subject:
    """What one conversation is about.

    `focus` and `second` look at `thing` from two angles, `aside` looks at `other`.
    """

    topic: str
    thing: str
    other: str
    focus: str
    second: str
    aside: str

    @classmethod
    def draw(cls, topic: Topic, rng: random.Random, thing: str = "") -> Subject:
        """Pick from a topic at random; `thing` where the caller has picked that."""
        thing = thing or rng.choice(topic.things)
        other = rng.choice([t for t in topic.things if t != thing])
        first, second, third = rng.sample(topic.angles, 3)
        return cls(
            topic=topic.name,
            thing=thing,
            other=other,
            focus=first.format(thing),
            second=second.format(thing),
            aside=third.format(other),
        )


class _Slots(dict[str, str]):
    """The subject's own slots; any other slot is filled from `SLOTS`, anew each time."""

    def __init__(self, subject: Subject, rng: random.Random) -> None:
        super().__init__(
            topic=subject.topic,
            thing=subject.thing,
            other=subject.other,
            focus=subject.focus,
            second=subject.second,
            aside=subject.aside,
        )
        self._rng = rng

    def __missing__(self, slot: str) -> str:
        return self._rng.choice(SLOTS[slot]).format_map(self)


def fill(template: str, subject: Subject, rng: random.Random) -> str:
    """Fill a template's slots."""
    return template.format_map(_Slots(subject, rng))


def sentence_case(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


CHATTY = words(
    """hi; hello; thanks!; thank you; continue; ok; yes please; go on; hey; no, shorter; great,
    thanks; more; test; good morning; yes; please continue; perfect; try again; why?; are you
    there?"""
)

SLOTS: dict[str, tuple[str, ...]] = {
    "name": words(
        """Priya; Tomasz; Anneliese; Kwame; Ingrid; Rafael; Mei-Ling; Oisín; Farida; Gunther;
        Solveig; Dmitri; Esperanza; Hiroshi; Leila; Bartholomew; Chidi; Marguerite; Aroha;
        Zoltán; Noor; Petra; Efua; Lars; Beatriz; Yusuf; Calliope; Ravi; Siobhán; Emeka;
        Katarzyna; Matteo; Hana; Olumide; Greta; Ximena; Jarrah; Fenna; Dov; Lucille; Arman;
        Sunniva; Thabo; Violeta; Wendell; Yara"""
    ),
    "city": words(
        """Tromsø; Bologna; Winnipeg; Nairobi; Cork; Osaka; Leipzig; Montevideo; Hobart;
        Tallinn; Fez; Pune; Asheville; Malmö; Split; Wellington; Accra; Utrecht; Guadalajara;
        Gdańsk; Busan; Aberdeen; Trieste; Kigali; Saskatoon; Limerick; Cebu; Basel; Izmir;
        Halifax; Medellín; Brno; Darwin; Plovdiv; Lyon; Swansea; Thessaloniki; Spokane; Faro;
        Duluth"""
    ),
    "number": tuple(
        str(n) for n in (3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18, 22, 25, 30, 45, 60)
    ),
    "amount": tuple(
        str(n) for n in (35, 60, 85, 120, 240, 375, 480, 650, 900, 1300, 2750, 4800, 9200)
    ),
    "day": words(
        """Thursday; Sunday; Easter Monday; the 3rd of May; New Year's Eve; Friday; Midsummer Day;
        Boxing Day; the 21st; Tuesday; the 9th of November; Labour Day; market day"""
    ),
    "person": words(
        """a retired lighthouse keeper; a trainee paramedic; an impatient eleven-year-old; a tax
        inspector; my Portuguese mother-in-law; a monk; a trade-union rep; a sceptical
        journalist; a dog walker; a room of accountants; a pirate captain; an alien
        anthropologist; a busy surgeon; a beekeeper; a blind listener; a village mayor; a
        night-shift baker; a bored teenager; a chess coach; a Victorian butler; my landlord; a
        submarine cook; a hotel concierge; first-year apprentices; a nervous groom; a parish
        council; a long-haul trucker; a sports commentator; a librarian; a startup founder; a
        grumpy ferryman; a fairy-tale witch; a patent examiner; a museum guide; a kindergarten
        class; a war veteran; an opera singer; a customs officer; a shepherd"""
    ),
    "me": words(
        """I'm a school caretaker in {city}; my cousin {name} swears I am wrong; I only have
        {number} minutes; we are a charity with {number} volunteers; my budget is {amount}
        euros; I am dyslexic, so keep it simple; it is for a radio slot on {day}; I live on a
        boat near {city}; my flatmate {name} needs it by {day}; I already asked two forums and
        got nowhere; English is my third language; I am recovering from surgery; {name} from
        accounts wants it in writing; I promised my daughter {name} an answer; it has to fit on
        a postcard; we meet in a church hall in {city}; this is for a bet with {name}; I lost my
        notes in the move to {city}; my supervisor {name} hates jargon; there are {number} of
        us; I did this {number} years ago and forgot everything; the deadline is {day}; no
        internet where I am going; I am writing from a hospital bed; the last attempt cost me
        {amount} dollars; {name} is colour-blind; I run a tiny museum in {city}; my grandfather
        did it differently; the neighbours in {city} are watching; please don't mention
        religion; I get anxious about phone calls; the audience is mostly {person}; I have read
        one book about it; it's raining in {city} and I'm bored; my ex, {name}, will read it too"""
    ),
    "tone": words(
        """warm; blunt; formal; ironic; poetic; like a weather forecast; like a telegram;
        cheerful; stern; apologetic; breathless; plain; old-fashioned; conspiratorial;
        diplomatic; enthusiastic; deadpan"""
    ),
    "form": words(
        """{number} bullet points; a numbered list; a limerick; a table with {number} rows; one
        paragraph; a decision tree in words; a dialogue; under {amount} words; a tweet; an FAQ;
        a haiku and a footnote; three sentences; a checklist; headings and subheadings; a short
        speech; flash cards; a mock tweet storm; a recipe-style card; a pro and con list; a
        letter; rhyming couplets; a timeline"""
    ),
    "language": words(
        """Dutch; Swahili; Polish; Italian; Turkish; Vietnamese; Welsh; Greek; Finnish; Tagalog;
        Russian; Catalan; Korean; Hungarian; Romanian; Icelandic; Hebrew; Latin; Basque;
        Norwegian; Urdu"""
    ),
}
