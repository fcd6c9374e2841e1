"""Times every single log call in two nested loops: PEER CALLS [VALUE] [NAMES] [THREADS]."""

import json
import sys
import threading
import time

import peers

STEPS = 1_000


def value_of(kind):
    if kind == "numpy.float32":
        import numpy

        return numpy.float32(0.1234567)
    if kind == "numpy.float64":
        import numpy

        return numpy.float64(0.1234567)
    return {
        "float": 0.51118373,
        "int": 12_345,
        "bool": True,
        "str": "a short text",
        "dict": {"a": 1, "b": 0.5},
    }[kind]


def timed(peer, calls, value, names):
    """Nanoseconds of each call, clock included."""
    clock, took, step = time.perf_counter_ns, [], 0
    note = took.append
    # FlorDB takes no step: what the harness would add for it is not its cost.
    if isinstance(peer, peers.Flor):
        log = peer.flor.log
        for _ in peer.loop("epoch", range(max(1, calls // STEPS))):
            for _ in peer.loop("step", range(min(calls, STEPS))):
                for name in names:
                    begun = clock()
                    log(name, value)
                    note(clock() - begun)
        return took
    log = peer.log
    for _ in range(max(1, calls // STEPS)):
        for _ in range(min(calls, STEPS)):
            for name in names:
                begun = clock()
                log(name, value, step)
                note(clock() - begun)
            step += 1
    return took


def main(peer_name, calls, kind="float", name_count="1", thread_count="1"):
    peer, value = peers.named(peer_name), value_of(kind)
    names = [f"loss{number}" for number in range(int(name_count))]
    timed(peer, 50, value, names)
    took = []
    before = time.process_time()
    if thread_count == "1":
        took = timed(peer, int(calls), value, names)
    else:
        work = lambda: took.extend(timed(peer, int(calls) // int(thread_count), value, names))  # noqa: E731
        threads = [threading.Thread(target=work) for _ in range(int(thread_count))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    cpu = time.process_time() - before
    peer.close()
    took.sort()
    mean = sum(took) / len(took)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(json.dumps({"p50": p50 / 1e9, "p99": p99 / 1e9, "mean": mean / 1e9, "cpu": cpu / len(took)}))


main(*sys.argv[1:])
