"""Turn route.json into a configuration of the LiteLLM proxy: each cohort is a tag.

    python litellm_config.py quant-report/route.json servers.json litellm.yaml

`servers.json` names the model group that clients ask for, and how each variant is reached, in
LiteLLM's own words. A cohort whose variant it does not name stays with the baseline.
"""

import json
import os
import sys
from pathlib import Path

FORMAT = ("quantguard-routes", 1)


def config(routes, servers):
    """Return LiteLLM's configuration and what could not be routed as asked, in sentences."""
    if (routes.get("format"), routes.get("version")) != FORMAT:
        raise ValueError(f"not routes of version {FORMAT[1]}; make them again, or update this file")
    baseline, group, known = routes["baseline"], servers["group"], servers["servers"]
    if baseline not in known:
        raise ValueError(f"servers.json does not say how the baseline {baseline!r} is reached")
    tags, remarks = {(baseline, ()): ["default"]}, []
    if routes["made"].get("whole") is False:
        remarks.append("these routes are from a run of selected golden cases")
    for cohort, route in routes["routes"].items():
        if not carries(cohort):
            remarks.append(f"{cohort!r} cannot be a tag: the baseline serves it")
            continue
        missing = [name for name in (route["variant"], *route["mirror"]) if name not in known]
        remarks += [f"{cohort!r}: {name!r} is not in servers.json" for name in missing]
        serves = route["variant"] if route["variant"] in known else baseline
        mirror = tuple(n for n in route["mirror"] if n in known and n != serves)
        tags.setdefault((serves, mirror), []).append(f"cohort:{cohort}")
    models = [entry(group, known[name], tags[name, to], group, to) for name, to in tags]
    # Each variant alone, for copies and as the way out when a candidate is down.
    models += [entry(f"{group}/{name}", known[name], ["default"]) for name in known]
    settings = {
        "enable_tag_filtering": True,
        # A baseline that is down must not be left out: requests without a tag would then go to
        # whatever else there is in the group, a candidate.
        "disable_cooldowns": True,
        "fallbacks": [{group: [f"{group}/{baseline}"]}],
    }
    return {"model_list": models, "router_settings": settings}, remarks


def entry(name, server, tags, group="", mirror=()):
    """Return one entry of the model list; ``mirror`` gets copies of what it serves."""
    silent = {"silent_model": [f"{group}/{to}" for to in mirror]} if mirror else {}
    return {"model_name": name, "litellm_params": {**server, "tags": tags, **silent}}


def carries(cohort):
    """Tell whether a cohort can be a tag: the header that holds tags is parted at commas."""
    return cohort.isprintable() and "," not in cohort and cohort == cohort.strip() != ""


def read(name):
    """Return what a file of JSON holds."""
    return json.loads(Path(name).read_text("utf-8"))


def main(routes, servers, target):
    """Write the configuration: whole, or not at all."""
    found, remarks = config(read(routes), read(servers))
    draft = Path(f"{target}.draft")
    draft.write_text(json.dumps(found, indent=2, ensure_ascii=False), "utf-8")  # JSON is YAML too
    os.replace(draft, target)
    for remark in remarks:
        print(remark, file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        sys.exit(f"litellm_config.py: nothing is written: {type(error).__name__}: {error}")
