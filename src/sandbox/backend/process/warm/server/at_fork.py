"""What libraries have asked the interpreter to do at each fork (`os.register_at_fork`), while the template was made.

`threading` and `logging` put right what other threads may have left half done, and `random` seeds itself anew. The template
has one thread, which holds no lock when it forks, and gives a seed to each fork itself (`seeds.py`): there is nothing to put
right, but looking whether there is touches 130 pages, each of which costs more than what is done on it. So these three
are asked of the interpreter only in the run, for forks of the code's own. What others ask for is done at every fork, as
they have asked.
"""

import os
import sys

_register = os.register_at_fork


class Requests:
    def __init__(self):
        self._deferred = []
        self._asked = []

    def __enter__(self):
        """From now on what is asked for is kept."""
        os.register_at_fork = lambda **steps: self._asked.append(steps)
        return self

    def __exit__(self, *_):
        os.register_at_fork = _register
        for steps in self._asked:
            if _is_needless(steps.get("after_in_child")):
                self._deferred.append(steps)
            else:
                _register(**steps)
        self._asked = []

    def pass_on(self):
        """In a run, before the code comes."""
        for steps in self._deferred:
            _register(**steps)

    @property
    def seeds_random(self):
        """Whether `random` is no more seeded by the fork."""
        return any(_is_seed(steps.get("after_in_child")) for steps in self._deferred)


def _is_needless(step):
    return _is_seed(step) or any(
        step is not None and step is getattr(sys.modules.get(module), name, None)
        for module, name in (("threading", "_after_fork"), ("logging", "_after_at_fork_child_reinit_locks"))
    )


def _is_seed(step):
    random = sys.modules.get("random")
    return random is not None and step == random._inst.seed
