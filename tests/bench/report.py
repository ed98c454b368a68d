"""Tables for a terminal of 100 columns."""

from goals import verdict

# Columns behind the ratios: heading, names of the figures, one column each.
COLUMNS = [("CPU s/GiB", ["cpu_s_per_gib_near", "cpu_s_per_gib_far"]),
           ("CPU us/request", ["cpu_us_per_request_near", "cpu_us_per_request_far"]),
           ("near, far", ["private_near", "private_far"]),
           ("PSS near, far", ["pss_mib_near", "pss_mib_far"]),
           ("private near, far", ["private_mib_near", "private_mib_far"]),
           ("p50, p99 us", ["p50_us", "p99_us"]),
           ("upload, new conn. ms", ["upload_mib_s", "new_connection_ms"]),
           ("core %, tunnels", ["core_percent", "tunnels"]),
           ("last byte, worst ms", ["last_byte_ms", "worst_ms"])]


def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def case_table(case, by_target, best, disturbed):
    """`best`: of the encrypted peers; `disturbed`: rounds of each target."""
    present = {name for figures in by_target.values() for name in figures}
    columns = [(heading, names) for heading, names in COLUMNS if present.issuperset(names)]
    direct = by_target.get("direct", {}).get("value")
    title = f"{case.name} ({case.unit}, {case.better} is better)"
    heading = f"{title:52}" if len(title) > 33 else \
        f"{title:34}{'/direct' if direct else '':>9}{'/best' if best else '':>9}"
    lines = [heading + "".join(f"{heading:>{10 * len(names)}}" for heading, names in columns)]
    for target, figures in by_target.items():
        value = figures["value"]
        line = f"  {target:21}{number(value):>9}{'!' * disturbed.get(target, 0):<3}"
        line += f"{value / direct:>8.2f}" if direct else " " * 8
        line += f"{value / best:>9.2f}" if best else " " * 9
        for _, names in columns:
            line += "".join(f"{number(figures[name]):>10}" if name in figures else " " * 10
                            for name in names)
        lines.append(line.rstrip())
    return "\n".join(lines)


def goal_table(rows):
    lines = ["Goals: sc-pool with one worker",
             f"  {'':46}{'figure':>13}{'goal':>9}{'moonshot':>10}"]
    for row in rows:
        what, figure, direction, goal, moonshot, unit = row
        wanted = f"{direction} {goal:g}" if goal is not None else ""
        far = f"{moonshot:g}" if moonshot is not None else ""
        lines.append(f"  {what:46}{number(figure):>9} {unit:3}{wanted:>9}{far:>10}  {verdict(row)}")
    return "\n".join(lines)
