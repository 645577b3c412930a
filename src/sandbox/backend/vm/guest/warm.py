"""Stands before the driver of Python: imports what the view allows, waits at the gate of the snapshot, then serves."""

import sys

FRESH = frozenset(sys.modules)

import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402

sys.path.insert(0, "/run/driver/warm")

import warming  # noqa: E402

GATE = 7


def main():
    with open("/run/driver/warm/plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    sys.path.remove("/run/driver/warm")
    environment = dict(os.environ)
    warming.preload(plan["preload"])
    warming.rehearse(plan["rehearsals"])
    with open(plan["driver"], encoding="utf-8") as file:
        driver = warming.load_driver(plan["driver"], file.read())
    warming.prefer_given_files(driver, FRESH)
    gc.collect()
    gc.freeze()
    os.write(GATE, b"w")
    # The snapshot is taken here. Whoever goes on is one of many copies.
    if os.read(GATE, 1) == b"":
        os._exit(1)
    os.close(GATE)
    sys.modules.pop("warming", None)
    os.environ.clear()
    os.environ.update(environment)
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            module.seed()
    warming.rehearse(plan["refreshers"])
    warming.serve(driver, int(sys.argv[1]))


main()
