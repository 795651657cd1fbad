"""The worker for users who are away: `{"concurrency": 1}` is the loop of Microsoft's sample, one account after the other; more is what
one would make of it."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from graph import me
from runtime import run
from table import idle_accounts, note_turn
from tokens import silently

IDLE_SECONDS = int(os.environ.get("SWEEP_IDLE_SECONDS", "30"))


def turn(waiting):
    account, key = waiting
    try:
        token, cached = silently(key)
        me(token)
    except Exception as error:
        note_turn(account, failed=True)
        return "failed", str(error)
    note_turn(account, failed=False)
    return "cached" if cached else "refreshed", None


def handler(event):
    with ThreadPoolExecutor(event.get("concurrency", 1)) as pool:
        ended = list(pool.map(turn, idle_accounts(IDLE_SECONDS)))
    counts = Counter(outcome for outcome, _ in ended)
    errors = [error for _, error in ended if error]
    outcomes = {outcome: counts[outcome] for outcome in ("cached", "refreshed", "failed")}
    return {**outcomes, **({"error": errors[-1]} if errors else {})}


run(handler)
