"""The sounds of the toy words: how each word is spelt in sounds, and where each sound has its formants.

Vowels: G. E. Peterson and H. L. Barney, "Control methods used in a study of the vowels", JASA 1952, table
II, men. Consonants: D. H. Klatt, "Software for a cascade/parallel formant synthesizer", JASA 1980, table
III, formants alone; those of the nasals, and all levels and lengths, are our own. Names of sounds are
ARPAbet.

Legend: F1, F2, F3 in Hz, for a vocal tract of 17.5 cm (`Voice.tract` = 1).
"""

from dataclasses import dataclass

from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS, STUFF

WORDS = {
    "ball": "B AO L", "square": "S K W EH R", "triangle": "T R AY AE NG G AH L", "star": "S T AA R",
    "heart": "HH AA R T", "cross": "K R AO S", "ring": "R IH NG", "capsule": "K AE P S AH L",
    "red": "R EH D", "orange": "AO R IH N JH", "yellow": "Y EH L OW", "green": "G R IY N",
    "cyan": "S AY AE N", "blue": "B L UW", "purple": "P ER P AH L", "pink": "P IH NG K",
    "plain": "P L EY N", "striped": "S T R AY P T", "checked": "CH EH K T", "dotted": "D AA T IH D",
    "sky": "S K AY", "grass": "G R AE S", "water": "W AO T ER", "sand": "S AE N D",
    "a": "AH", "an": "AE N", "the": "DH AH", "something": "S AH M TH IH NG", "nothing": "N AH TH IH NG",
    "on": "AA N", "of": "AH V", "under": "AH N D ER", "with": "W IH TH", "and": "AE N D", "in": "IH N",
    "photo": "F OW T OW", "picture": "P IH K CH ER", "there": "DH EH R", "is": "IH Z", "i": "AY",
    "see": "S IY", "look": "L UH K", "at": "AE T", "this": "DH IH S", "clear": "K L IH R",
    "cloudy": "K L AW D IY", "left": "L EH F T", "right": "R AY T", "front": "F R AH N T",
    "behind": "B IH HH AY N D", "stands": "S T AE N D Z",
}  # fmt: skip

VOWELS = {
    "IY": (270, 2290, 3010), "IH": (390, 1990, 2550), "EH": (530, 1840, 2480), "AE": (660, 1720, 2410),
    "AA": (730, 1090, 2440), "AO": (570, 840, 2410), "UH": (440, 1020, 2240), "UW": (300, 870, 2240),
    "AH": (640, 1190, 2390), "ER": (490, 1350, 1690),
}  # fmt: skip

# From one vowel to another.
DIPHTHONGS = {"AY": ("AA", "IH"), "EY": ("EH", "IY"), "OW": ("AO", "UH"), "AW": ("AA", "UH")}


@dataclass(frozen=True)
class Sound:
    """One stretch of speech with steady targets; a diphthong or a plosive is two or three of them.

    Parameters
    ----------
    milliseconds : float
        Its length, in a voice of rate 1.
    formants : (float, float, float)
        F1, F2, F3 in Hz; all 0 where the neighbour's are taken ("h" has the mouth of the vowel that follows).
    voice, breath, hiss : float
        Strength of the glottal pulses, of noise from the throat, of noise made at the teeth or lips.
    hiss_hz, hiss_band_hz : float
        Where that noise is strongest, and how broad.
    damped : float
        Factor on the formants' bandwidths: a nose is wide and soft inside.
    sudden : bool
        True where the strengths jump instead of gliding.
    """

    milliseconds: float
    formants: tuple[float, float, float]
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hz: float = 4000.0
    hiss_band_hz: float = 2000.0
    damped: float = 1.0
    sudden: bool = False


GLIDES = {  # voiced, like weak vowels
    "W": Sound(70, (290, 610, 2150), 0.7), "Y": Sound(70, (260, 2070, 3020), 0.7),
    "R": Sound(80, (310, 1060, 1380), 0.7), "L": Sound(80, (310, 1050, 2880), 0.7),
    "M": Sound(80, (250, 1000, 2130), 0.5, damped=2.5), "N": Sound(80, (250, 1340, 2470), 0.5, damped=2.5),
    "NG": Sound(90, (250, 2000, 2900), 0.5, damped=2.5),
}  # fmt: skip

HISSES = {
    "S": Sound(120, (320, 1390, 2530), hiss=1.0, hiss_hz=5800), "F": Sound(110, (340, 1100, 2080), hiss=0.12,
        hiss_hz=3800, hiss_band_hz=6000), "TH": Sound(110, (320, 1290, 2540), hiss=0.12, hiss_hz=6500,
        hiss_band_hz=5000), "Z": Sound(90, (240, 1390, 2530), 0.25, hiss=0.6, hiss_hz=5800),
    "V": Sound(70, (220, 1100, 2080), 0.3, hiss=0.07, hiss_hz=3800, hiss_band_hz=6000),
    "DH": Sound(60, (270, 1290, 2540), 0.35, hiss=0.07, hiss_hz=6500, hiss_band_hz=5000),
    "HH": Sound(70, (0, 0, 0), breath=0.5),
}  # fmt: skip

# Plosives: formants at the release, the burst's frequency in Hz, voiced or not.
PLOSIVES = {
    "P": ((400, 1100, 2150), 1200, False), "B": ((200, 1100, 2150), 1000, True),
    "T": ((400, 1600, 2600), 4200, False), "D": ((200, 1600, 2600), 4000, True),
    "K": ((300, 1990, 2850), 2100, False), "G": ((200, 1990, 2850), 2000, True),
}  # fmt: skip
AFFRICATES = {"CH": ("T", 0.8, 0.0), "JH": ("D", 0.6, 0.2)}  # stop, hiss, voice
HUSH_HZ, HUSH_BAND_HZ = 2900.0, 1500.0  # the noise of "sh", in CH and JH


def sounds(phoneme: str) -> list[Sound]:
    """Return the steady stretches of a phoneme.

    Raises
    ------
    ValueError
        If there is no such phoneme.
    """
    if phoneme in VOWELS:
        return [Sound(140, VOWELS[phoneme], 1.0)]
    if phoneme in DIPHTHONGS:
        first, second = (VOWELS[name] for name in DIPHTHONGS[phoneme])
        return [Sound(110, first, 1.0), Sound(90, second, 0.9)]
    if phoneme in GLIDES:
        return [GLIDES[phoneme]]
    if phoneme in HISSES:
        return [HISSES[phoneme]]
    if phoneme in PLOSIVES:
        return _plosive(*PLOSIVES[phoneme])
    if phoneme in AFFRICATES:
        stop, hiss, voice = AFFRICATES[phoneme]
        rubbed = Sound(80, (300, 1840, 2750), voice, 0.0, hiss, HUSH_HZ, HUSH_BAND_HZ)
        return [*sounds(stop)[:2], rubbed]
    raise ValueError(f"phoneme: got {phoneme!r}, want one of {', '.join(PHONEMES)}")


PHONEMES = (*VOWELS, *DIPHTHONGS, *GLIDES, *HISSES, *PLOSIVES, *AFFRICATES)


def _plosive(formants: tuple[float, float, float], burst_hz: float, voiced: bool) -> list[Sound]:
    """Closed mouth, burst, and, unless voiced, a breath before the voice sets in."""
    closed = Sound(55, formants, 0.12 if voiced else 0.0, damped=2.0, sudden=True)
    burst = Sound(12, formants, 0.2 if voiced else 0.0, 0.0, 1.0, burst_hz, 1500.0, sudden=True)
    return [closed, burst] + ([] if voiced else [Sound(35, formants, breath=0.4)])


def spell(text: str) -> list[str]:
    """Return the phonemes of a text, word after word.

    Raises
    ------
    ValueError
        For a word that is not in WORDS, or no word at all.
    """
    if not isinstance(text, str) or not text.split():
        raise ValueError(f"text: got {text!r}, want one or more of the words in WORDS")
    out = []
    for word in text.lower().replace(".", " ").replace(",", " ").split():
        if word not in WORDS:
            raise ValueError(f"text: got the word {word!r}, want words from {', '.join(sorted(WORDS))}")
        out += WORDS[word].split()
    return out


assert all(name in WORDS for name in (*CLASSES, *COLOURS, *MATERIALS, *STUFF))
