"""Reads a scene from standard input, writes the steps to play in it to standard output: one JSON object per line."""

import json
import sys

from .cases import algorithms, claims, forms, headers, identities, issuers, keys, times, transport
from .scene import Scene
from .steps import Case, controls_at_the_end, controls_at_the_start

# Those with key ids that nobody knows come first: an API that has looked for one looks again after five minutes.
MODULES = [headers, keys, transport, forms, algorithms, issuers, identities, claims, times]


def steps(scene):
    # The published keys come first, and with them each API's one fetch for a key that it does not know.
    yield {"publish": scene.keys.published()}
    yield from controls_at_the_start(scene)
    for module in MODULES:
        for case in module.refused(scene):
            case.group = module.__name__.rsplit(".", 1)[-1]
            yield case
    yield {"publish": scene.keys.published(without=["retired"])}
    yield {"advance": scene.pass_time(13 * 3600)}
    yield from keys.retired(scene)
    yield from controls_at_the_end(scene)


def main():
    scene = Scene.read(json.load(sys.stdin))
    for step in steps(scene):
        print(json.dumps(step.to_json() if isinstance(step, Case) else step))


main()
