"""Logs until it is killed, and counts the calls that returned where a kill spares it: PEER CALLS_A_SECOND."""

import mmap
import struct
import sys
import time

import peers


def main(peer_name, calls_a_second):
    with open("returned", "w+b") as file:
        file.truncate(8)
        returned = mmap.mmap(file.fileno(), 8)
    peer = peers.named(peer_name)
    log, pause = peers.logger(peer), 1 / float(calls_a_second) if float(calls_a_second) else 0.0
    due = time.perf_counter()
    for step in peer.loop("step", range(1 << 40)):
        log("loss", step * 0.1, step)
        struct.pack_into("<q", returned, 0, step + 1)
        due += pause
        while time.perf_counter() < due:
            time.sleep(pause / 2)


main(*sys.argv[1:])
