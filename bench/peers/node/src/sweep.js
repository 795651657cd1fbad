// @ts-check
/**
 * The worker for users who are away: `{ "concurrency": 1 }` is the loop of Microsoft's sample, one account after the other; more
 * is what one would make of it.
 */
import { me } from "./graph.js";
import { silently } from "./msal.js";
import { run } from "./runtime.js";
import { idleAccounts, noteTurn } from "./table.js";

const IDLE_SECONDS = Number(process.env.SWEEP_IDLE_SECONDS ?? 30);

/** @param {{ concurrency?: number }} event */
async function handler({ concurrency = 1 }) {
  const waiting = await idleAccounts(IDLE_SECONDS);
  /** @type {{ cached: number, refreshed: number, failed: number, error?: string }} */
  const outcomes = { cached: 0, refreshed: 0, failed: 0 };
  async function worker() {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      try {
        const { token, fromCache } = await silently(next.cacheKey);
        await me(token);
        await noteTurn(next.account, false);
        outcomes[fromCache ? "cached" : "refreshed"] += 1;
      } catch (error) {
        outcomes.failed += 1;
        outcomes.error = String(error);
        await noteTurn(next.account, true);
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker));
  return outcomes;
}

await run(handler);
