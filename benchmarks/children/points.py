"""Logs so many points under ten names, as fast as it can, and ends: PEER POINTS."""

import random
import sys

import peers


def main(peer_name, points):
    peer, draw = peers.named(peer_name), random.Random(0).random
    log = peers.logger(peer)
    names = [f"metric{number}" for number in range(10)]
    for step in peer.loop("step", range(max(1, int(points) // 10))):
        for name in names[: int(points)]:
            log(name, draw(), step)
    peer.close()


main(*sys.argv[1:])
