"""What the figures of a run are held against: ratios to direct and to the best encrypted peer."""

OURS = "sc-pool, 1 worker"
CONNECT = "sc-pool, CONNECT"


class Figures:
    """Medians of a run, by case, target and name."""

    def __init__(self, medians, encrypted):
        self.medians, self.encrypted = medians, encrypted

    def of(self, case, target=OURS, name="value"):
        return self.medians.get(case, {}).get(target, {}).get(name)

    def best(self, case, better="more"):
        found = [figures["value"] for target, figures in self.medians.get(case, {}).items()
                 if target in self.encrypted and not target.startswith("sc-pool")]
        return (max if better == "more" else min)(found) if found else None

    def ratio(self, case, target=OURS, to="direct"):
        ours = self.of(case, target)
        other = self.best(case) if to == "best" else self.of(case, to)
        return ours / other if ours and other else None

    def added(self, case, name, target=OURS):
        ours, direct = self.of(case, target, name), self.of(case, "direct", name)
        return ours - direct if ours is not None and direct is not None else None

    def both(self, case, name, target=OURS):
        near, far = self.of(case, target, f"{name}_near"), self.of(case, target, f"{name}_far")
        return near + far if near is not None and far is not None else None


def goals(figures):
    """[(what, figure or None, "≥" or "≤", goal, moonshot or None, unit)]"""
    f, rows = figures, []

    def at_least(what, figure, goal, moonshot=None, unit="x"):
        rows.append((what, figure, ">=", goal, moonshot, unit))

    def at_most(what, figure, goal, moonshot=None, unit=""):
        rows.append((what, figure, "<=", goal, moonshot, unit))

    for case, of_direct in [("1 download", 0.34), ("8 downloads", 0.31), ("1 upload", 0.27)]:
        at_least(f"{case}, of best peer", f.ratio(case, to="best"), 1.10)
        at_least(f"{case}, of direct", f.ratio(case), of_direct, 0.40)
    for case, of_best in [("requests/s, 1 connection", 1.0), ("requests/s, 50 connections", 1.2),
                          ("requests/s, 200 connections", 1.2), ("new connection per request", 1.1)]:
        at_least(f"{case}, of best peer", f.ratio(case, to="best"), of_best)
    for count, of_best in [(1, 1.0), (50, 1.2), (200, 1.2)]:
        case = f"requests/s by CONNECT, {count}"
        at_least(f"{case}, of best peer", f.ratio(case, CONNECT, "best"), of_best)
    at_least("requests/s by CONNECT, 50, of direct", f.ratio("requests/s by CONNECT, 50", CONNECT), None,
             0.6)
    for case, moonshot in [("requests/s, 50 connections", 0.6), ("new connection per request", 0.7)]:
        at_least(f"{case}, of direct", f.ratio(case), None, moonshot)
    at_most("lone request, added p50", f.added("requests/s, 1 connection", "p50_us"), 42, 35, "us")
    at_most("lone request by CONNECT, added p50",
            f.added("requests/s by CONNECT, 1", "p50_us", CONNECT), 42, 35, "us")
    beside = "beside a 100 MiB/s download, p99"
    at_most("beside a download, added p50", f.added(beside, "p50_us"), 60, None, "us")
    at_most("beside a download, p99", f.of(beside, OURS, "p99_us"), 2000, 600, "us")
    at_most("CPU per GiB, both ends", f.both("1 download", "cpu_s_per_gib"), 1.4, 1.2, "s")
    at_most("CPU per request, both ends (50 connections)",
            f.both("requests/s, 50 connections", "cpu_us_per_request"), 24, 18, "us")
    at_most("CPU per request by CONNECT, both ends (50)",
            f.both("requests/s by CONNECT, 50", "cpu_us_per_request", CONNECT), 24, 18, "us")
    idle = "idle memory, both ends"
    for program, end, most in [("worker", "far", 5), ("server", "near", 7),
                               ("supervisor", "supervisor", 4)]:
        at_most(f"idle memory, {program} (PSS)", f.of(idle, OURS, f"pss_mib_{end}"), most, None,
                "MiB")
    for program, end, most in [("server", "near", 4), ("worker", "far", 8)]:
        at_most(f"held stream, {program}",
                f.of("held stream, both ends", OURS, f"private_{end}"), most, None, "KiB")
    at_most("stalled download, both ends", f.of("stalled download, both ends"), 2.5, None, "MiB")
    at_most("beside 8 stalled downloads, p99", f.of("stalled download, both ends", OURS, "p99_us"),
            2000, None, "us")
    at_most("aborted download, site told", f.of("aborted download"), 10, None, "ms")
    three = "sc-pool, 3 workers"
    for case in ["8 downloads", "requests/s, 50 connections"]:
        found, one = f.of(case, three), f.of(case)
        at_least(f"{case}, 3 workers of 1", found / one if found and one else None, 1.0)
    count = f.of("idle tunnels", "sc-server", "tunnels") or 0
    many = f"{count:,.0f} idle tunnels x 2"
    at_most(f"{many}, each", f.of("idle tunnels", "sc-server"), 60, None, "KiB")
    # The cost grows with their number; the goal is one of 2,000.
    share = f.of("idle tunnels", "sc-server", "core_percent")
    at_most(f"{many}, of a core", share, 2 * count / 2000, None, "%")
    return [row for row in rows if row[1] is not None]


def verdict(row):
    _, figure, direction, goal, moonshot, _ = row
    def reached(mark):
        return figure >= mark if direction == ">=" else figure <= mark
    if moonshot is not None and reached(moonshot):
        return "moonshot"
    if goal is None:
        return ""
    if reached(goal):
        return "met"
    return f"missed by {abs(figure - goal) / goal * 100:.0f} %"
