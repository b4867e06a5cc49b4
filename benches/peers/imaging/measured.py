"""The timed loop that the peers in Python share; the arguments are those of the other peers."""

import json
import re
import resource
import sys
import threading
import time
from pathlib import Path


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6


def rounds(run, seconds, in_flight):
    until = time.monotonic() + seconds
    counts, sizes, faults = [], [], []

    def line():
        try:
            count = 0
            while count == 0 or time.monotonic() < until:
                files = run()
                count += 1
            counts.append(count)
            sizes.append(sum(len(file) for file in files.values()))
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=line) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return sum(counts), sizes[0]


def main(workloads):
    name, inputs, *rest = sys.argv[1:]
    run = workloads[name](Path(inputs))
    if rest[0] == "--write":
        for file, data in run().items():
            (Path(rest[1]) / file).write_bytes(data)
        return
    seconds, in_flight = float(rest[0]), int(rest[1])
    rounds(run, 0, in_flight)
    cpu, began = used(), time.monotonic()
    count, size = rounds(run, seconds, in_flight)
    wall, cpu = time.monotonic() - began, used() - cpu
    print(json.dumps({"count": count, "bytes": size, "wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb()}))
