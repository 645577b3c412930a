"""Random numbers that no two forks share. `random` seeds itself anew in every fork, `numpy.random` does not.

Its generator is given a new state before each fork, by the template: to seed it in the fork, the way that callers do, takes
code and objects all over the memory, and each page of it would have to be copied. The state is written to where the
generator says that it is, as numpy 1.17 and later lay it out, 624 words and the place of the next; where it is found to be
otherwise, callers' own way is taken.
"""

import ctypes
import os
import sys

_WORDS = 624
_BYTES = 4 * _WORDS


def make_drawer():
    """What draws for the next fork. To be asked for once everything is imported."""
    module = sys.modules.get("numpy.random")
    if module is None:
        return lambda: None
    address = _find_state(module)
    if address is None:
        return lambda: module.seed(_words())
    place = ctypes.c_int32.from_address(address + _BYTES)

    def draw():
        ctypes.memmove(address, os.urandom(_BYTES), _BYTES)
        place.value = _WORDS

    return draw


def _words():
    return sys.modules["numpy"].frombuffer(os.urandom(_BYTES), "uint32")


def _find_state(module):
    """Where the words are, if that is the right place by all that can be told."""
    try:
        module.seed(_words())
        address = module.mtrand._rand._bit_generator.ctypes.state_address
        name, words, place, has_gauss, _ = module.get_state()
        told = (name, words.tobytes(), place, has_gauss)
        found = (ctypes.string_at(address, _BYTES), ctypes.c_int32.from_address(address + _BYTES).value)
        return address if told == ("MT19937", found[0], found[1], 0) else None
    except Exception:  # noqa: BLE001 - a numpy that is not as it was expected to be
        return None
