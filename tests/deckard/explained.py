"""Why a run that Unbound passes fails with ours: by scenario, or by scenario and mode."""
NEITHER = ''
WHY = {}


def why(run):
    return WHY.get(run) or WHY.get(run.split()[0])
