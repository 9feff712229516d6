"""Why a run that Unbound passes fails with ours: by scenario, or by scenario and mode."""
NEITHER = ('Not looked into one by one. Among them are scenarios of what only Knot Resolver has (policies, hints, DNS64), and those whose script '
           'lacks a question that libunbound asks on its way, such as nsec.example. A: Deckard counts that as a failure.')
WHY = {}


def why(run):
    return WHY.get(run) or WHY.get(run.split()[0])
