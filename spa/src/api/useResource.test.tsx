import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "./errors";
import { useResource } from "./useResource";

const EVERY_MS = 15_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function showing(load: (signal: AbortSignal) => Promise<number>) {
  return renderHook(() => useResource(load, EVERY_MS)).result;
}

function setVisible(visible: boolean) {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(visible ? "visible" : "hidden");
  document.dispatchEvent(new Event("visibilitychange"));
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

test("refreshes while the page is visible, and catches up when it becomes so", async () => {
  let calls = 0;
  const result = showing(() => Promise.resolve(++calls));
  await pass(0);
  expect(result.current).toMatchObject({ data: 1, loading: false });
  await pass(EVERY_MS);
  expect(result.current.data).toBe(2);

  setVisible(false);
  await pass(EVERY_MS * 4);
  expect(calls).toBe(2);
  setVisible(true);
  await pass(0);
  expect(result.current.data).toBe(3);
});

test.each([
  ["goes on after no answer", "unreachable", 2],
  ["rests when the API is busy", "busy", 1],
  ["rests when the user has to sign in", "sign_in_required", 1],
] as const)("%s", async (_, kind, expected) => {
  let calls = 0;
  const result = showing(() => {
    calls += 1;
    return Promise.reject(new ApiError({ kind, message: "" }));
  });
  await pass(0);
  expect(result.current).toMatchObject({ data: undefined, loading: false, error: { kind } });
  await pass(EVERY_MS);
  expect(calls).toBe(expected);
});

test("a failed refresh keeps the last good answer; a good one clears the error", async () => {
  const load = vi
    .fn<() => Promise<number>>()
    .mockResolvedValueOnce(1)
    .mockRejectedValueOnce(new Error("no"))
    .mockResolvedValueOnce(2);
  const result = showing(load);
  await pass(0);
  await act(() => result.current.reload());
  expect(result.current).toMatchObject({ data: 1, error: new Error("no") });
  await act(() => result.current.reload());
  expect(result.current).toMatchObject({ data: 2, error: undefined });
});

test("an answer that was overtaken is dropped, and its request aborted", async () => {
  const answers: ((value: number) => void)[] = [];
  const signals: AbortSignal[] = [];
  const result = showing((signal) => {
    signals.push(signal);
    return new Promise((resolve) => answers.push(resolve));
  });
  await pass(0);
  act(() => {
    void result.current.reload();
  });
  expect(signals[0]?.aborted).toBe(true);
  answers[1]?.(2);
  await pass(0);
  answers[0]?.(1);
  await pass(0);
  expect(result.current.data).toBe(2);
});
