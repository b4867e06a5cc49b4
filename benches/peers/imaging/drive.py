"""Runs the comparison; `benches/peers/imaging/run` calls it with everything installed and built.

Every measurement is a process of its own: it loads its inputs, does the work once to warm up, and then for a given
time. The sides take turns inside each round, so that whatever else the machine does falls on all of them. Ratios are
taken within a round, and their median is shown.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import pixels, ssim
from reference import REFERENCES

HERE = Path(__file__).parent
COMPOSED = ("compose_two_zones", "compose_done")
# Likeness to the reference, as a part of what the format leaves of it, below which two sides did not make the same picture.
MIN_SSIM = 0.98
# How much less than sharp's at its best settings Atelier's may be: a rule relative to what a format keeps must not let
# a worse picture win.
MAX_LESS_ALIKE = 0.005
# How far the bytes of Atelier's files may be from those of sharp's at its best settings.
MAX_BYTES_APART = 0.10


def sides(arguments):
    """Name → the command without workload and what follows."""
    sharp = ["node", str(HERE / "peer_sharp.js")]
    return {
        "atelier": [arguments.atelier],
        "sharp": [*sharp, "tuned"],
        "sharp_default": [*sharp, "default"],
        "pyvips": [sys.executable, str(HERE / "peer_pyvips.py")],
        "pillow": [sys.executable, str(HERE / "peer_pillow.py")],
        "origin": [*sharp, "origin"],
    }


def takes_part(side, workload):
    return side != "origin" or workload in COMPOSED


def called(command, workload, arguments, *rest):
    environment = {**os.environ, "NODE_PATH": arguments.node_modules}
    line = [*command, workload, str(arguments.inputs), *map(str, rest)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(line)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def measured(command, workload, arguments, in_flight):
    line = json.loads(called(command, workload, arguments, arguments.seconds, in_flight))
    return {
        "cpu_ms": line["cpu_s"] * 1000 / line["count"],
        "per_s": line["count"] / line["wall_s"],
        "peak_mb": line["peak_mb"],
        "bytes": line["bytes"],
    }


def written(command, workload, arguments):
    """The files that one side makes."""
    with tempfile.TemporaryDirectory() as folder:
        called(command, workload, arguments, "--write", folder)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def are_near(our_bytes, their_bytes):
    return abs(our_bytes / their_bytes - 1) <= MAX_BYTES_APART


def check(workload, commands, arguments):
    """Faults of comparability, remarks, and the likeness of each side's files. Atelier is the first side."""
    reference = REFERENCES[workload](arguments.inputs)
    faults, notes, likeness, sizes = [], [], {}, {}
    for side, command in commands.items():
        files = written(command, workload, arguments)
        sizes[side] = sum(map(len, files.values()))
        if files.keys() != reference.keys():
            faults.append(f"{workload}: {side} makes {sorted(files)}, not {sorted(reference)}")
            continue
        likeness[side] = {}
        for name, data in files.items():
            image, (wanted, after_trip) = pixels(name, data), reference[name]
            if image is None or image.shape != wanted.shape:
                faults.append(f"{workload}: {side}'s {name} has the wrong size")
                continue
            alike = likeness[side][name] = ssim(image, wanted) / ssim(after_trip, wanted)
            if alike < MIN_SSIM:
                text = f"{workload}: {side}'s {name} is like the reference by {alike:.4f} only"
                # Others that are less like it than Atelier are said so, and win nothing by it.
                if side == "atelier" or alike > likeness["atelier"].get(name, 0):
                    faults.append(text)
                else:
                    notes.append(text)
    for name, alike in likeness.get("atelier", {}).items():
        theirs = likeness.get("sharp", {}).get(name, 0)
        if alike < theirs - MAX_LESS_ALIKE:
            faults.append(f"{workload}: Atelier's {name} is like the reference by {alike:.4f}, sharp's by {theirs:.4f}")
    if not are_near(sizes["atelier"], sizes["sharp"]):
        faults.append(f"{workload}: Atelier's files have {sizes['atelier']} bytes, sharp's {sizes['sharp']}")
    for side, size in sizes.items():
        # Others may be larger than need be; nobody may be beaten by larger files.
        if sizes["atelier"] > size * (1 + MAX_BYTES_APART):
            faults.append(f"{workload}: Atelier's files are larger than {side}'s ({sizes['atelier']} and {size} bytes)")
    return faults, notes, likeness


def rounds(workload, commands, arguments):
    """Side → its measurements, one of each kind per round."""
    found = {side: {"one": [], "all": []} for side in commands}
    for number in range(arguments.rounds):
        # Another one begins each time.
        order = list(commands.items())
        order = order[number % len(order) :] + order[: number % len(order)]
        for kind, in_flight in (("one", 1), ("all", arguments.cores)):
            for side, command in order:
                found[side][kind].append(measured(command, workload, arguments, in_flight))
    return found


def middle(measurements, key):
    return statistics.median(each[key] for each in measurements)


def summary(found, likeness):
    rows = {}
    for side, kinds in found.items():
        rows[side] = {
            "cpu_ms": round(middle(kinds["one"], "cpu_ms"), 2),
            "cpu_ms_all": round(middle(kinds["all"], "cpu_ms"), 2),
            "per_s_1": round(middle(kinds["one"], "per_s"), 2),
            "per_s_all": round(middle(kinds["all"], "per_s"), 2),
            "peak_mb": round(middle(kinds["all"], "peak_mb"), 1),
            "peak_mb_1": round(middle(kinds["one"], "peak_mb"), 1),
            "bytes": kinds["one"][0]["bytes"],
            "ssim": {name: round(alike, 4) for name, alike in likeness.get(side, {}).items()},
        }
    return rows


def times(found, side):
    """How many times Atelier's processor time the side takes: the median over rounds."""
    pairs = zip(found[side]["one"], found["atelier"]["one"])
    return statistics.median(theirs["cpu_ms"] / ours["cpu_ms"] for theirs, ours in pairs)


def shown(workload, rows, ratios):
    print(f"\n{workload}")
    print(f"  {'':14}{'CPU ms':>9}{'per s, 1':>10}{'per s, all':>12}{'peak MB':>9}{'bytes':>12}{'SSIM':>8}{'CPU':>8}{'memory':>8}")
    for side, row in rows.items():
        worst = min(row["ssim"].values(), default=float("nan"))
        memory = row["peak_mb"] / rows["atelier"]["peak_mb"]
        print(
            f"  {side:14}{row['cpu_ms']:9.1f}{row['per_s_1']:10.1f}{row['per_s_all']:12.1f}{row['peak_mb']:9.0f}"
            f"{row['bytes']:12d}{worst:8.4f}{ratios[side]:7.2f}×{memory:7.2f}×",
            flush=True,
        )


def parsed():
    parser = argparse.ArgumentParser(prog="benches/peers/imaging/run", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--only", action="append", choices=REFERENCES, help="only this workload; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs, measures nothing")
    parser.add_argument(
        "--allow-incomparable", action="store_true", help="print failed checks of comparability, but exit with 0"
    )
    for hidden in ("--atelier", "--node-modules"):
        parser.add_argument(hidden, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--inputs", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.0
    arguments.cores = len(os.sched_getaffinity(0))
    return arguments


def main():
    arguments = parsed()
    report = {"cores": arguments.cores, "rounds": arguments.rounds, "seconds": arguments.seconds, "workloads": {}}
    everything = []
    for workload in arguments.only or REFERENCES:
        commands = {side: command for side, command in sides(arguments).items() if takes_part(side, workload)}
        faults, notes, likeness = check(workload, commands, arguments)
        found = rounds(workload, commands, arguments)
        rows = summary(found, likeness)
        ratios = {side: times(found, side) for side in found}
        # The one that costs least stands for sharp, of those whose files are about as large as Atelier's.
        alike = [side for side in ("sharp", "sharp_default") if are_near(rows["atelier"]["bytes"], rows[side]["bytes"])]
        best = min(alike or ["sharp"], key=lambda side: rows[side]["cpu_ms"])
        if best != "sharp":
            rows["sharp"], rows["sharp_default"] = rows["sharp_default"], rows["sharp"]
            ratios["sharp"], ratios["sharp_default"] = ratios["sharp_default"], ratios["sharp"]
        for side, row in rows.items():
            row["times_atelier_cpu"] = round(ratios[side], 2)
        shown(workload, rows, ratios)
        for note in notes:
            print(f"  note: {note}")
        for fault in faults:
            print(f"  NOT COMPARABLE: {fault}")
        report["workloads"][workload] = rows
        everything += faults
    report["not_comparable"] = everything
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if everything and not arguments.allow_incomparable:
        raise SystemExit(1)


main()
