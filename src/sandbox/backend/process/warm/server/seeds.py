"""Random numbers that no two forks share: the template gives `random` and `numpy.random` a new seed before each fork.

To seed them in the fork takes code and objects all over the memory, and each page of it would have to be copied. The state
of numpy's generator is written to where the generator says that it is, as numpy 1.17 and later lay it out, 624 words and
the place of the next; where it is found to be otherwise, callers' own way is taken.
"""

import ctypes
import os
import sys

_WORDS = 624
_BYTES = 4 * _WORDS


def make_drawers(with_random):
    """What draws for the next fork. To be asked for once everything is imported. `with_random`: it does not seed itself."""
    drawers = [sys.modules["random"].seed] if with_random else []
    module = sys.modules.get("numpy.random")
    return drawers if module is None else [*drawers, _make_numpy_drawer(module)]


def _make_numpy_drawer(module):
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
