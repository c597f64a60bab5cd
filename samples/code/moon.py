"""The phase of the moon, well enough to plan a walk by.

Counts days since a known new moon; off by half a day at most in this century.
"""

from datetime import date

NEW_MOON = date(2000, 1, 6)
SYNODIC_MONTH_DAYS = 29.530588

NAMES = ["new moon", "first quarter", "full moon", "last quarter"]


def phase_of_moon(day: date) -> float:
    """0 is new, 0.5 is full."""
    return ((day - NEW_MOON).days / SYNODIC_MONTH_DAYS) % 1.0


def name_of_phase(day: date) -> str:
    return NAMES[round(phase_of_moon(day) * 4) % 4]


if __name__ == "__main__":
    print(name_of_phase(date.today()))
