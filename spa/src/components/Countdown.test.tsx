import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Countdown } from "./Countdown";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => {
  act(() => {
    vi.advanceTimersByTime(ms);
  });
};

test("offers the retry when the time is up, and says so once", () => {
  const retry = vi.fn();
  render(<Countdown seconds={3} onRetry={retry} />);
  const button = screen.getByRole("button", { name: "Try again" });
  expect(button).toHaveAttribute("aria-disabled", "true");
  expect(screen.getByText("in 3 seconds")).toBeVisible();
  expect(screen.getByRole("status")).toHaveTextContent("You can try again in 3 seconds.");
  button.click();
  expect(retry).not.toHaveBeenCalled();

  pass(2_000);
  expect(screen.getByText("in 1 second")).toBeVisible();

  pass(1_000);
  expect(screen.queryByText(/^in /)).toBeNull();
  expect(screen.getByRole("status")).toHaveTextContent("You can try again now.");
  expect(retry).not.toHaveBeenCalled();
  button.click();
  expect(retry).toHaveBeenCalledOnce();
});

test("is right again after the timers of a hidden tab stood still", () => {
  render(<Countdown seconds={60} onRetry={() => undefined} />);
  vi.setSystemTime(Date.now() + 59_000);
  pass(250);
  expect(screen.getByText("in 1 second")).toBeVisible();
});
