"""Stands before the driver of Python, in a guest or a container: imports what the view allows, waits, then serves."""

import sys

FRESH = frozenset(sys.modules)

import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402

sys.path.insert(0, "/run/driver/warm")

import warming  # noqa: E402


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
    if plan.get("gate") is not None:
        pass_gate(plan["gate"], plan["refreshers"])
    sys.modules.pop("warming", None)
    os.environ.clear()
    os.environ.update(environment)
    warming.serve(driver, int(sys.argv[1]))


def pass_gate(gate, refreshers):
    """The snapshot is taken while this waits. Whoever goes on is one of many copies, and must not draw what they draw."""
    os.write(gate, b"w")
    if os.read(gate, 1) == b"":
        os._exit(1)
    os.close(gate)
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            module.seed()
    warming.rehearse(refreshers)


main()
